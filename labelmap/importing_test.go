package labelmap_test

import (
	"errors"
	"slices"
	"testing"

	"satgraph/labelmap"
)

func TestImportingBringsInWhatIsNew(t *testing.T) {
	book := labelmap.NewBook(labelmap.NewMemory(), "test")
	labels := func() []labelmap.RawLabel {
		return []labelmap.RawLabel{
			{Dataset: "D", Name: "liver", Line: 1},
			{Dataset: "D", Name: "spleen", Line: 2},
			{Dataset: "D", Name: "liver", Line: 3},
			{Dataset: "D", Line: 4},
		}
	}
	in, err := book.Importing(t.Context(), labels())
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, e := range in.Entries {
		keys = append(keys, e.Subject.Key)
	}
	if !slices.Equal(keys, []string{"liver", "spleen", "(no name, line 4)"}) || !slices.Equal(in.Repeated, []string{"liver, line 3"}) {
		t.Errorf("new: %q, repeated: %q", keys, in.Repeated)
	}
	if _, err := book.Write(t.Context(), "ann", in.Entries...); err != nil {
		t.Fatal(err)
	}
	again := labels()
	again[1].Modality = "ct" // the source says something new
	if in, err = book.Importing(t.Context(), again); err != nil || in.Unchanged != 2 || len(in.Entries) != 1 || in.Entries[0].Version != 1 {
		t.Errorf("again: %+v, %v", in, err)
	}
	if _, err := book.Importing(t.Context(), []labelmap.RawLabel{{Name: "liver"}}); !errors.Is(err, labelmap.ErrNoDataset) {
		t.Errorf("without a dataset: %v", err)
	}
}
