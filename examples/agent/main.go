// Command agent is what an LLM agent does with satgraph's tools, without an LLM:
// a script asks what a model would ask, over the Model Context Protocol, and
// writes down the conversation.
//
//	go run ./examples/agent -satgraph bin/satgraph -o transcript.md
//
// It makes two generated phantoms, finds a term, asks what can be segmented,
// segments, measures, draws, compares, and grounds a draft report, part of which
// is wrong. It is built upon the official Go SDK alone, as an agent's own code
// would be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

func main() {
	program := flag.String("satgraph", "satgraph", "the program")
	out := flag.String("o", "", "file for the transcript (default: stdout)")
	pictures := flag.String("pictures", "", "folder for the pictures (default: they are left out)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *program, *out, *pictures)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, out, pictures string) (err error) {
	scans, err := os.MkdirTemp("", "satgraph-agent-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scans)) }()
	if err := makeScans(ctx, program, scans); err != nil {
		return err
	}
	to := io.Writer(os.Stdout)
	if out != "" {
		file, err := os.Create(filepath.Clean(out))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		to = file
	}
	a, err := connect(ctx, program, scans, to)
	if err != nil {
		return err
	}
	a.pictures = pictures
	return errors.Join(a.talk(ctx), a.close())
}

// makeScans draws two phantoms, first.nii.gz and second.nii.gz.
func makeScans(ctx context.Context, program, dir string) error {
	for _, p := range []struct{ name, seed string }{{"first", "7"}, {"second", "8"}} {
		made := filepath.Join(dir, "made")
		cmd := exec.CommandContext(ctx, program, "phantom", "-o", made, "--full", "--seed", p.seed, "--spacing", "4")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("satgraph phantom: %w", err)
		}
		found, err := filepath.Glob(filepath.Join(made, "*", "image.nii.gz"))
		if err != nil || len(found) != 1 {
			return fmt.Errorf("satgraph phantom made %d images, want 1 (%w)", len(found), err)
		}
		if err := os.Rename(found[0], filepath.Join(dir, p.name+".nii.gz")); err != nil {
			return err
		}
		if err := os.RemoveAll(made); err != nil {
			return err
		}
	}
	return nil
}
