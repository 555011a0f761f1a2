package volume

import (
	"errors"
	"fmt"
	"os"

	"satgraph/volume/internal/dcm"
	"satgraph/volume/segcode"
)

// SegmentInfo is what a DICOM segmentation or structure set says of one
// structure.
type SegmentInfo struct {
	// Number is the SegmentNumber or ROINumber.
	Number int `json:"number"`
	// Label is the SegmentLabel or ROIName.
	Label       string `json:"label"`
	Description string `json:"description,omitempty"`
	// Category, Type, Modifier, Region and RegionModifier are the codes given;
	// zero where there are none. A structure set has a Type at most.
	Category       segcode.Code `json:"category,omitzero"`
	Type           segcode.Code `json:"type,omitzero"`
	Modifier       segcode.Code `json:"modifier,omitzero"`
	Region         segcode.Code `json:"region,omitzero"`
	RegionModifier segcode.Code `json:"regionModifier,omitzero"`
	// Interpreted is the RTROIInterpretedType of a structure set, such as "ORGAN".
	Interpreted string `json:"interpreted,omitempty"`
}

// maxHeader bounds what a header of names may inflate to.
const maxHeader = 1 << 30

// ReadSegments lists the structures of a DICOM segmentation (SEG) or
// radiotherapy structure set (RTSTRUCT), in the order of the file. The *FileError
// wraps ErrNotImage where it is neither, ErrTruncated, ErrBadHeader or ErrTooLarge.
func ReadSegments(path string) ([]SegmentInfo, error) {
	out, err := readSegments(path)
	return out, fileError("read", path, err)
}

func readSegments(path string) ([]SegmentInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := dcm.Parse(f, fi.Size(), maxHeader)
	if errors.Is(err, dcm.ErrNotDICOM) {
		return nil, fmt.Errorf("%w: no DICOM file", ErrNotImage)
	}
	if err != nil {
		return nil, dicomError(err)
	}
	d := file.Dataset
	switch {
	case len(d.Items(dcm.SegmentSequence)) > 0:
		return segmentsOf(d)
	case len(d.Items(dcm.StructureSetROISequence)) > 0:
		return regionsOf(d)
	}
	return nil, fmt.Errorf("%w: a DICOM file (%s) without segments or regions of interest", ErrNotImage, orElse(d.String(dcm.Modality), "no modality"))
}

func codeOf(d *dcm.Dataset, t dcm.Tag) segcode.Code {
	c := d.First(t)
	return segcode.Code{Value: c.String(dcm.CodeValue), Scheme: c.String(dcm.CodingSchemeDesignator), Meaning: c.String(dcm.CodeMeaning)}
}

func segmentsOf(d *dcm.Dataset) (out []SegmentInfo, err error) {
	for _, s := range d.Items(dcm.SegmentSequence) {
		number, err := s.Int(dcm.SegmentNumber, 0)
		if err != nil {
			return nil, dicomError(err)
		}
		typed, region := s.First(dcm.SegmentedPropertyTypeSeq), s.First(dcm.AnatomicRegionSequence)
		out = append(out, SegmentInfo{
			Number: number, Label: s.String(dcm.SegmentLabel), Description: s.String(dcm.SegmentDescription),
			Category: codeOf(s, dcm.SegmentedPropertyCategorySeq), Type: codeOf(s, dcm.SegmentedPropertyTypeSeq),
			Modifier: codeOf(typed, dcm.SegmentedPropertyModifierSeq),
			Region:   codeOf(s, dcm.AnatomicRegionSequence), RegionModifier: codeOf(region, dcm.AnatomicRegionModifierSeq),
		})
	}
	return out, nil
}

func regionsOf(d *dcm.Dataset) (out []SegmentInfo, err error) {
	observed := map[int]*dcm.Dataset{}
	for _, o := range d.Items(dcm.RTROIObservationsSequence) {
		number, err := o.Int(dcm.ReferencedROINumber, 0)
		if err != nil {
			return nil, dicomError(err)
		}
		observed[number] = o
	}
	for _, r := range d.Items(dcm.StructureSetROISequence) {
		number, err := r.Int(dcm.ROINumber, 0)
		if err != nil {
			return nil, dicomError(err)
		}
		info := SegmentInfo{Number: number, Label: r.String(dcm.ROIName), Description: r.String(dcm.ROIDescription)}
		if o := observed[number]; o != nil {
			info.Type, info.Interpreted = codeOf(o, dcm.RTROIIdentificationCodeSeq), o.String(dcm.RTROIInterpretedType)
		}
		out = append(out, info)
	}
	return out, nil
}
