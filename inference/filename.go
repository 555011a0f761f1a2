package inference

import "strings"

// longestName keeps file names within what every file system takes.
const longestName = 80

// FileName is the name for the structure's mask, unique in a report as long as
// its terms are: "left_ventricle_UBERON_0002084.nii.gz".
func (s *StructureResult) FileName() string {
	name := slug(s.Term)
	if len(name) > longestName {
		name = name[:longestName]
	}
	if id := slug(s.TermID); id != "" {
		name += "_" + id
	}
	return name + ".nii.gz"
}

// slug keeps ASCII letters and digits and puts one underscore for any others.
func slug(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}), "_")
}
