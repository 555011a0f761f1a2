package inference

import "strings"

const (
	// longestName keeps file names within what every file system takes.
	longestName = 80
	maskSuffix  = ".nii.gz"
)

// FileName is a name for the structure's mask that a person knows it by:
// "heart_left_ventricle_UBERON_0002084.nii.gz".
func (s *StructureResult) FileName() string {
	name := slug(s.Term)
	if len(name) > longestName {
		name = name[:longestName]
	}
	if id := slug(s.TermID); id != "" {
		name += "_" + id
	}
	return name + maskSuffix
}

// slug keeps ASCII letters and digits and puts one underscore for any others.
func slug(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}), "_")
}
