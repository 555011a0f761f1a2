// Command heart sends a CT scan to a satgraph service, has the children of the
// heart segmented, prints what was found with its volume, and keeps the masks.
//
//	go run ./examples/heart -url http://127.0.0.1:8642 -scan scan.nii.gz -masks masks
//
// A token for the service is taken from $SATGRAPH_TOKEN.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"text/tabwriter"

	"satgraph/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "heart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("heart", flag.ContinueOnError)
	url := flags.String("url", "http://127.0.0.1:8642", "the service")
	scan := flags.String("scan", "", "the CT scan")
	of := flags.String("of", "heart", "the term whose children are segmented")
	masks := flags.String("masks", "", "folder for the masks; none are kept without it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c, err := client.New(*url, client.Options{Token: os.Getenv("SATGRAPH_TOKEN")})
	if err != nil {
		return err
	}
	image, err := c.UploadFile(ctx, *scan, nil)
	if err != nil {
		return err
	}
	job, err := c.SegmentChildren(ctx, *of, image, client.ModalityCt)
	if err != nil {
		return err
	}
	if job, err = c.Wait(ctx, job.Id, nil); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range job.Structures {
		volume := ""
		if s.VolumeMl != nil {
			volume = fmt.Sprintf("%.1f mL", *s.VolumeMl)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, s.Status, volume, s.Reason)
		if *masks != "" && s.MaskUrl != nil {
			if err := os.MkdirAll(*masks, 0o750); err != nil {
				return err
			}
			if err := c.DownloadFile(ctx, *s.MaskUrl, filepath.Join(*masks, filepath.Base(*s.MaskUrl))); err != nil {
				return err
			}
		}
	}
	_, _ = fmt.Fprintf(w, "%s\t%s\n", job.Status, job.Notice)
	return w.Flush()
}
