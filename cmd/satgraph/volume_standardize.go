package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/standard"
	"satgraph/inference"
	"satgraph/volume"
)

// standardizeOptions are the flags of the command.
type standardizeOptions struct {
	read     volume.ReadOptions
	settings standard.Settings
	spacing  string
	labelsBy string
	modality string
	labels   string
	threads  int
	asJSON   bool
}

func (a *app) volumeStandardizeCommand() *cobra.Command {
	o := standardizeOptions{settings: standard.SAT()}
	cmd := &cobra.Command{
		Use:   "standardize IN OUT.nii.gz",
		Short: "Bring a scan to the form that SAT's networks are trained on",
		Long: `Bring a scan to the form that SAT's networks are trained on: turned to RAS,
resampled to 1 × 1 × 3 mm, cropped to what is above 0, clipped (CT to -500..1000
HU, others to their 0.5 and 99.5 percentiles) and brought to mean 0 and standard
deviation 1. A segmentation and a corpus prepare scans by the same code.

What was done stands in OUT.json: the grids before and after, the crop, the
clipping and scaling, and digests of what was read and written. With --labels, a
label map on the scan's grid follows it, to OUT-labels.nii.gz.`,
		Example: "  satgraph volume standardize ct.nii.gz standard.nii.gz --modality ct",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.standardize(cmd.Context(), given[0], given[1], o)
		},
	}
	f := cmd.Flags()
	chooseFlags(cmd, &o.read)
	f.StringVar(&o.modality, "modality", "", "what the scan is: ct, mri or pet (default: what its header says)")
	f.StringVar(&o.spacing, "spacing", "1,1,3", "voxel spacing in mm along the axes of the result")
	f.StringVar(&o.settings.Orientation, "orientation", o.settings.Orientation, "the directions in which its axes run")
	f.BoolVar(&o.settings.AsPublished, "sat-exact", false, "do as SAT's published code does also where that is a fault, to compare with it")
	f.StringVar(&o.labels, "labels", "", "a label map of the scan to bring along")
	f.StringVar(&o.labelsBy, "interpolation", string(o.settings.Labels), "how labels are resampled: nearest, as SAT does, or linear")
	f.IntVar(&o.threads, "threads", 0, "threads to use (default: all)")
	f.BoolVar(&o.asJSON, "json", false, "print what was done as one JSON document")
	return cmd
}

func (a *app) standardize(ctx context.Context, in, out string, o standardizeOptions) error {
	var err error
	o.settings.Labels = standard.Labels(o.labelsBy)
	if o.settings.Spacing, err = triple(o.spacing, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }); err != nil {
		return usageError{fmt.Errorf("--spacing: %w", err)}
	}
	if s := o.settings.Spacing; !(s[0] > 0 && s[1] > 0 && s[2] > 0) {
		return usageError{fmt.Errorf("--spacing %s: lengths in mm must be above 0", o.spacing)}
	}
	stem, ok := stemOf(out)
	if !ok {
		return usageError{fmt.Errorf("%s: %w", out, volume.ErrFileName)}
	}
	o.read.Rectify = o.settings.AsPublished
	im, err := volume.ReadImage(in, o.read)
	if err != nil {
		return err
	}
	modality, err := inference.ParseModality(cmp.Or(o.modality, im.Modality))
	switch {
	case err != nil:
		return err
	case modality == "":
		return usageError{errors.New("say with --modality what the scan is (ct, mri or pet): intensities are clipped by it")}
	}
	scan, err := standard.New(ctx, im, modality == inference.CT, o.settings, o.threads)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	from := standard.Origin{Image: filepath.Base(in), Modality: string(modality), Program: version}
	if from.Input, err = digest(in, im); err != nil {
		return err
	}
	var labels *volume.LabelMap
	if o.labels != "" {
		from.Masks = []string{filepath.Base(o.labels)}
		if labels, err = bringLabels(o.labels, scan); err != nil {
			return err
		}
	}
	if err := volume.WriteImage(out, scan.Image, volume.Float32); err != nil {
		return err
	}
	if labels != nil {
		if err := volume.WriteLabelMap(stem+"-labels.nii.gz", labels); err != nil {
			return err
		}
	}
	record := scan.Record(from)
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return err
	}
	if err := writeWhole(stem+".json", append(text, '\n')); err != nil {
		return err
	}
	if o.asJSON {
		return a.printJSON(record)
	}
	for _, w := range record.Warnings {
		a.printf("note    %s\n", w)
	}
	t := &record.Transform
	a.printf("from    %v voxels of %.6g × %.6g × %.6g mm, %s\n", t.Source.Shape, t.Source.Spacing()[0], t.Source.Spacing()[1], t.Source.Spacing()[2], t.Source.Orientation())
	a.printf("to      %v voxels of %.6g × %.6g × %.6g mm, %s\n", t.Grid().Shape, t.Grid().Spacing()[0], t.Grid().Spacing()[1], t.Grid().Spacing()[2], t.Grid().Orientation())
	a.printf("values  clipped to %g..%g, then (v - %g) / %g\n", t.Low, t.High, t.Mean, t.SD)
	a.printf("written to %s, and what was done to %s.json\n", out, stem)
	return nil
}

// stemOf is a NIfTI file's name without its ending.
func stemOf(path string) (string, bool) {
	for _, end := range []string{".nii.gz", ".nii"} {
		if strings.HasSuffix(strings.ToLower(path), end) && len(path) > len(end) {
			return path[:len(path)-len(end)], true
		}
	}
	return "", false
}

// bringLabels brings a label map of the scan along, label by label.
func bringLabels(path string, scan *standard.Scan) (*volume.LabelMap, error) {
	m, err := volume.ReadLabelMap(path, volume.ReadOptions{})
	if err != nil {
		return nil, err
	}
	out := &volume.LabelMap{Grid: scan.Image.Grid, Data: make([]uint16, scan.Image.Voxels())}
	for _, value := range m.Values() {
		moved, err := scan.Mask(volume.BitsOf(m.Mask(value)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		moved.Runs(func(r volume.Run) bool {
			for i := r.From; i < r.To; i++ {
				out.Data[out.Index(i, r.J, r.K)] = value
			}
			return true
		})
	}
	return out, nil
}

// digest is the SHA-256 of the file that was read, or of the sums of a series'
// files in the order of its slices.
func digest(path string, im *volume.Image) (string, error) {
	if im.Series == nil {
		sum, err := fileSum(path)
		return hex.EncodeToString(sum), err
	}
	all := sha256.New()
	last := ""
	for _, s := range im.Series.Slices {
		if s.Path == last {
			continue // another frame of it
		}
		sum, err := fileSum(s.Path)
		if err != nil {
			return "", err
		}
		last = s.Path
		_, _ = all.Write(sum) // a hash takes all
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

func fileSum(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return sum.Sum(nil), err
}
