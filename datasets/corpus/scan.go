// Package corpus knows which scans a corpus holds: it reads lists of scans,
// indexes, counts and compares them, and says what is odd about them. It opens
// no image and no mask. Start from ReadList and Index.
package corpus

import (
	"satgraph/datasets/catalog"
)

// Side is where the published train/test files put a scan.
type Side string

// The sides.
const (
	Train Side = "train"
	Test  Side = "test"
	Both  Side = "both" // an id that stands in both files
)

// Scan is one row of a scan list: one image with the masks that one dataset has
// of it. The same image may have several rows.
type Scan struct {
	Dataset string
	// Image and Mask are paths relative to the folder of the data, as the list
	// writes them. The last part of an image path may name a channel.
	Image, Mask string
	// Modality is that of the row; Sequence is what the list writes, which may say
	// more ("MRI T1").
	Modality catalog.Modality
	Sequence string
	// Labels are the classes as written, in the list's order. Rows that write the
	// same list share it: it must not be changed.
	Labels []string
	// Classes are the labels folded to corpus classes, each once, in order of
	// their first label; shared like Labels.
	Classes []string
	Split   string // the owner's: train, test, val, valid, unknown
	Side    Side   // empty where the list does not say
	Patient string // as written; not always a person, see Index.Person
	// Line is the row's line in the list, from 1.
	Line int
}
