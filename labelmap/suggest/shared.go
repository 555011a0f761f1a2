package suggest

import (
	"regexp"
	"strings"

	"satgraph/labelmap"
)

// Bounds of what most labels of a list begin or end with: labels of a list, and
// one of how many may lack it.
const (
	leastSharing = 5
	mostLacking  = 5
	mostShared   = 3 // words that are taken off
)

var (
	reFirstWord = regexp.MustCompile(`^([\pL\d]{2,})[ _\-.:]+(?:[vV]\d+[ _\-.:]+)?`)
	reLastWord  = regexp.MustCompile(`[ _\-.:]+([\pL\d]{2,})$`)
	reVersioned = regexp.MustCompile(`^[\pL\d]{2,}[ _\-.:]+[vV]\d+[ _\-.:]+`)
)

// unshare takes words off labels with which nearly all of a list begin or end and
// that say nothing of anatomy, as a company's name does ("ACME_v2_KID_RT").
func (e *Engine) unshare(labels []labelmap.RawLabel) {
	if len(labels) < leastSharing {
		return
	}
	for _, end := range []*regexp.Regexp{reFirstWord, reLastWord} {
		for range mostShared {
			word := e.sharedWord(labels, end)
			if word == "" {
				break
			}
			for i := range labels {
				name := labels[i].Name
				if m := end.FindStringSubmatch(name); m != nil && strings.EqualFold(m[1], word) && len(m[0]) < len(name) {
					labels[i].Name = end.ReplaceAllString(name, "")
				}
			}
		}
	}
}

// sharedWord is the word that nearly all labels have at an end, which is no word
// of anatomy; empty for none.
func (e *Engine) sharedWord(labels []labelmap.RawLabel, end *regexp.Regexp) string {
	count, versions := map[string]int{}, 0
	for i := range labels {
		name := labels[i].Name
		if m := end.FindStringSubmatch(name); m != nil && len(m[0]) < len(name) {
			count[strings.ToLower(m[1])]++
		}
		if reVersioned.MatchString(name) {
			versions++
		}
	}
	for word, n := range count {
		if mostLacking*(len(labels)-n) > len(labels) {
			continue
		}
		versioned := end == reFirstWord && mostLacking*(len(labels)-versions) <= len(labels)
		if e.words.known[word] || isSideWord(word) || strings.Trim(word, "0123456789") == "" || e.words.means(word) && !versioned || pointless(word) != "" || reParcel.MatchString(word+"_lh_x") {
			return ""
		}
		return word
	}
	return ""
}
