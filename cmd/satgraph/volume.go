package main

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/volume"
	"satgraph/volume/segcode"
)

func (a *app) volumeCommand() *cobra.Command {
	return group("volume", "Look at scans and label maps, and convert them", a.volumeInfoCommand(), a.volumeConvertCommand(), a.volumeStandardizeCommand())
}

// chooseFlags are the flags that choose among what a folder of DICOM files holds.
func chooseFlags(cmd *cobra.Command, o *volume.ReadOptions) {
	cmd.Flags().StringVar(&o.Series, "series", "", seriesFlag)
	cmd.Flags().StringVar(&o.Volume, "volume", "", volumeFlag)
}

const volumeFlag = "of a DICOM series with several volumes at the same place (echoes, phases, b-values), the one to take, by its number or name"

const seriesFlag = "of a folder with several DICOM series, the SeriesInstanceUID of the one to take (\"blank\": the one without)"

func (a *app) volumeInfoCommand() *cobra.Command {
	var asJSON bool
	var o volume.ReadOptions
	cmd := &cobra.Command{
		Use:   "info FILE|FOLDER|URL",
		Short: "Print a scan's shape, spacing, affine, orientation, data type and modality",
		Long: `Print the shape, spacing, affine, orientation, data type and modality of a
NIfTI, NRRD, MetaImage or DICOM file or a folder of DICOM slices. Of a DICOM
segmentation or structure set, its structures with their codes are printed.

` + urlHelp,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			name, end, err := locate(cmd.Context(), given[0], &o)
			if err != nil {
				return err
			}
			defer end()
			info, err := volume.ReadInfoWith(name, o)
			if errors.Is(err, volume.ErrNotImage) {
				if segments, also := volume.ReadSegments(given[0]); also == nil {
					return a.printSegments(segments, asJSON)
				}
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(info)
			}
			a.printf("format       %s\n", info.Format)
			if s := info.Series; s != nil {
				a.printf("series       %s\n", strings.Join(strings.Fields(strings.Join([]string{s.Modality, s.Number, s.Description, s.UID}, " ")), " "))
			}
			if info.Modality != "" {
				a.printf("modality     %s\n", info.Modality)
			}
			a.printf("shape        %v\n", info.Shape)
			a.printf("spacing      %.6g × %.6g × %.6g mm\n", info.Spacing[0], info.Spacing[1], info.Spacing[2])
			a.printf("orientation  %s\n", info.Orientation)
			a.printf("data type    %s\n", info.DType)
			a.printf("affine\n")
			for _, row := range info.Affine {
				a.printf("  %s\n", fmt.Sprintf("%12.6g %12.6g %12.6g %12.6g", row[0], row[1], row[2], row[3]))
			}
			for _, w := range info.Warnings {
				a.printf("note         %s\n", w)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	chooseFlags(cmd, &o)
	return cmd
}

func (a *app) printSegments(segments []volume.SegmentInfo, asJSON bool) error {
	if asJSON {
		return a.printJSON(map[string]any{"segments": segments})
	}
	for _, s := range segments {
		var codes []string
		for _, c := range []segcode.Code{s.Modifier, s.Type, s.RegionModifier, s.Region} {
			if c.Value != "" {
				codes = append(codes, fmt.Sprintf("%s (%s %s)", c.Meaning, c.Scheme, c.Value))
			}
		}
		a.printf("%4d  %-40s  %s\n", s.Number, s.Label, strings.Join(codes, " "))
	}
	return nil
}

func (a *app) volumeConvertCommand() *cobra.Command {
	var o volume.ReadOptions
	var source string
	cmd := &cobra.Command{
		Use:   "convert IN OUT.nii.gz | convert LABELS OUT.dcm --source FOLDER",
		Short: "Convert a scan to NIfTI, or a label map to a DICOM segmentation",
		Long: `Convert a NIfTI, NRRD, MetaImage or DICOM scan to NIfTI, on the same grid. Whole
numbers stay whole: voxels are written as uint8 or int16 where these hold them,
else as float32.

With --source, the folder of the DICOM series that it belongs to, a label map is
written as a DICOM segmentation. Names come from the table LABELS.labels.json
beside it, where there is one, and carry SNOMED CT codes where they have any.`,
		Example: "  satgraph volume convert series/ ct.nii.gz",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(_ *cobra.Command, given []string) error {
			if strings.HasSuffix(strings.ToLower(given[1]), ".dcm") || source != "" {
				if source == "" {
					return usageError{errors.New("a DICOM segmentation needs --source, the folder of its series")}
				}
				return a.convertToSEG(given[0], given[1], source, o)
			}
			im, err := volume.ReadImage(given[0], o)
			if err != nil {
				return err
			}
			for _, w := range im.Warnings {
				a.log.Warn(w, "file", given[0])
			}
			return volume.WriteImage(given[1], im, fitting(im.Data))
		},
	}
	chooseFlags(cmd, &o)
	cmd.Flags().StringVar(&source, "source", "", "folder of the DICOM series that a label map belongs to")
	return cmd
}

// fitting is the smallest data type that holds voxels exactly.
func fitting(data []float32) volume.DType {
	low, high := float32(math.Inf(1)), float32(math.Inf(-1))
	for _, v := range data {
		if v != float32(math.Trunc(float64(v))) { // NaN too
			return volume.Float32
		}
		low, high = min(low, v), max(high, v)
	}
	switch {
	case low >= 0 && high <= math.MaxUint8:
		return volume.Uint8
	case low >= math.MinInt16 && high <= math.MaxInt16:
		return volume.Int16
	}
	return volume.Float32
}

// convertToSEG writes a label map's structures as a DICOM segmentation.
func (a *app) convertToSEG(labelMap, out, source string, o volume.ReadOptions) error {
	series, grid, err := volume.ReadSeries(source, o)
	if err != nil {
		return err
	}
	labels, err := volume.ReadLabelMap(labelMap, volume.ReadOptions{})
	if err != nil {
		return err
	}
	table, err := volume.ReadLabelTable(labelMap)
	if err != nil {
		return err
	}
	names := map[uint16]volume.Label{}
	for _, l := range table {
		names[l.Value] = l
	}
	if labels, err = labels.On(grid); err != nil {
		return fmt.Errorf("%s: %w", labelMap, err)
	}
	seg, err := volume.NewSEG(out, series, grid, volume.SEGOptions{Description: "satgraph segmentation", Version: version})
	if err != nil {
		return err
	}
	for _, value := range labels.Values() {
		l, ok := names[value]
		if !ok {
			l.Name = fmt.Sprintf("label %d", value)
		}
		codes, coded := segcode.For(l.Name)
		if !coded {
			a.log.Warn("no SNOMED CT code for it; a private one is used", "structure", l.Name)
		}
		s := volume.Segment{Name: l.Name, Codes: codes}
		if _, err := fmt.Sscanf(l.Color, "#%02x%02x%02x", &s.Color[0], &s.Color[1], &s.Color[2]); err != nil {
			s.Color = [3]uint8{}
		}
		if err := seg.Add(s, volume.BitsOf(labels.Mask(value))); err != nil {
			seg.Abort()
			return err
		}
	}
	return seg.Close()
}
