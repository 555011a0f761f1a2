package catalog_test

import (
	"errors"
	"slices"
	"testing"

	"satgraph/datasets/catalog"
)

// Datasets that took scans from one place are found, only where both are there,
// and an origin without its source is refused.
func TestOverlaps(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	with := map[string][]string{}
	for _, o := range catalog.Overlaps(c.Datasets()) {
		for _, d := range o.Datasets {
			with[o.Origin] = append(with[o.Origin], d.Dataset)
		}
	}
	for origin, want := range map[string][]string{
		"LiTS":         {"AbdomenCT1K", "CT_ORG", "MSD_Liver"},
		"KiTS19":       {"AbdomenCT1K", "KiTS23", "SEGA"},
		"MSD Pancreas": {"AbdomenCT1K", "FLARE22", "MSD_Pancreas"},
	} {
		if !slices.Equal(with[origin], want) {
			t.Errorf("%s: %v, want %v", origin, with[origin], want)
		}
	}
	liver, _ := c.Dataset("MSD_Liver")
	spleen, _ := c.Dataset("MSD_Spleen")
	if got := catalog.Overlaps([]*catalog.Dataset{liver, spleen}); len(got) != 0 {
		t.Errorf("MSD_Liver and MSD_Spleen: %v", got)
	}
	bad := *liver
	bad.Origins = []catalog.Origin{{Name: "LiTS", What: "all"}}
	if err := bad.Validate(); !errors.Is(err, catalog.ErrRecord) {
		t.Errorf("an origin without a source: %v", err)
	}
}
