package rawdata

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"satgraph/datasets/catalog"
	"satgraph/volume"
)

// What words of paths and names of channels say.
var (
	splitWords = map[string]string{
		"tr": "train", "train": "train", "training": "train", "ts": "test", "test": "test", "testing": "test",
		"val": "val", "valid": "val", "validation": "val",
	}
	modalityWords = map[string]string{
		"ct": "ct", "cta": "ct", "cect": "ct", "ncct": "ct", "cbct": "ct", "ctres": "ct", "ldct": "ct",
		"mr": "mri", "mri": "mri", "cmr": "mri", "mra": "mri", "lge": "mri", "anat": "mri", "dwi": "mri",
		"pet": "pet", "suv": "pet", "fdg": "pet",
	}
	sequenceWords = map[string]string{
		"t1": "MRI T1", "t1w": "MRI T1", "t1n": "MRI T1", "t1c": "MRI T1CE", "t1ce": "MRI T1CE", "t1gd": "MRI T1CE",
		"t2": "MRI T2", "t2w": "MRI T2", "flair": "MRI FLAIR", "t2f": "MRI FLAIR", "adc": "MRI ADC",
		"dwi": "MRI DWI", "pdw": "MRI PD", "swi": "MRI SWI", "lge": "MRI LGE",
	}
	kindWord = regexp.MustCompile(`[a-z]+[0-9]?[a-z]*`)
	listing  = regexp.MustCompile(`([A-Za-z]*)(\{(part[0-9]+)=([^{}]+)\})([A-Za-z]*)`)
)

// said finds what the words of a text say: of several that differ, nothing.
func said(text string, words map[string]string) (value, word string) {
	for _, w := range kindWord.FindAllString(strings.ToLower(camel.ReplaceAllString(text, "$1 $2")), -1) {
		switch found := cmp.Or(words[w], words[strings.TrimRight(w, "0123456789")]); {
		case found == "" || found == value:
		case value != "":
			return "", ""
		default:
			value, word = found, w
		}
	}
	return value, word
}

// kindOf is the modality and the sequence that a name of an image or of a channel
// speaks of.
func kindOf(text string) (modality, sequence, word string) {
	modality, word = said(text, modalityWords)
	sequence, at := said(text, sequenceWords)
	if modality == "" && sequence != "" {
		modality, word = "mri", at
	}
	if modality != "mri" {
		sequence = ""
	}
	return modality, sequence, word
}

// divide makes a family for each split, modality and sequence, where paths tell
// them, and says what each is of.
func (d *detector) divide(f *family) []Family {
	for _, m := range listing.FindAllStringSubmatch(f.scans.Image.String(), -1) {
		before, placeholder, name, words, after := m[1], m[2], m[3], strings.Split(m[4], "|"), m[5]
		whole := make([]string, len(words))
		for i, w := range words {
			whole[i] = before + w + after
		}
		if d.fixed[name] || strings.Contains(f.scans.Patient, name) || !tells(words, d.document.channels) && !tells(whole, nil) {
			continue
		}
		var out []Family
		for _, word := range words {
			if part := f.of(placeholder, name, word); part != nil {
				out = append(out, d.divide(part)...)
			}
		}
		return out
	}
	one := Family{Scans: f.scans}
	text := f.scans.Image.String()
	for _, folder := range strings.Split(text, "/")[1:] {
		word := strings.ToLower(folder)
		if rest, ok := strings.CutPrefix(word, "images"); ok || len(word) > 2 {
			one.Split = cmp.Or(one.Split, splitWords[rest])
		}
	}
	name := text
	if number := channelNumber.FindStringSubmatch(stem(text)); number != nil {
		if channel, ok := d.document.channels[number[1]]; ok {
			name = channel
		}
	} else if len(d.document.channels) == 1 {
		name = d.document.channels["0"]
	}
	var word string
	if one.Modality, one.Sequence, word = kindOf(name); one.Modality == "" && name != text {
		one.Modality, one.Sequence, word = kindOf(text)
	}
	if one.Modality != "" {
		one.Why = fmt.Sprintf("it is called %q", word)
	}
	return []Family{one}
}

// channelNumber is nnU-Net's number of a channel, without its zeros.
var channelNumber = regexp.MustCompile(`_0{0,3}([0-9]{1,4})$`)

// tells says whether each word of a placeholder speaks of a split, a modality, a
// sequence or a channel.
func tells(words []string, channels map[string]string) bool {
	numbers := map[string]string{}
	for number, name := range channels {
		if modality, _, _ := kindOf(name); modality != "" {
			numbers[fmt.Sprintf("%04s", number)] = name
		}
	}
	for _, known := range []map[string]string{splitWords, modalityWords, sequenceWords, numbers} {
		if !slices.ContainsFunc(words, func(w string) bool { return known[strings.ToLower(w)] == "" }) {
			return true
		}
	}
	return false
}

// of is the part of a family in which a placeholder is one word; nil where that
// has no scan.
func (f *family) of(placeholder, name, word string) *family {
	other := regexp.MustCompile(`\{` + name + `(=[^{}]+)?\}`)
	image, err := catalog.ParsePattern(strings.ReplaceAll(f.scans.Image.String(), placeholder, word))
	mask, err2 := catalog.ParsePattern(other.ReplaceAllLiteralString(f.scans.Mask.String(), word))
	if err != nil || err2 != nil {
		return nil
	}
	out := &family{scans: f.scans, pairs: map[string]string{}}
	out.scans.Image, out.scans.Mask = image, mask
	for at, to := range f.pairs {
		if _, ok := image.Match(at); ok {
			out.pairs[at] = to
		}
	}
	if len(out.pairs) == 0 {
		return nil
	}
	out.scans.Example = slices.Min(slices.Collect(maps.Keys(out.pairs)))
	return out
}

// channels makes a family for each volume of 4-D images, and asks the first
// image for the modality where names do not say it.
func (d *detector) channels(f Family) []Family {
	at := filepath.Join(d.parent, filepath.FromSlash(strings.TrimSuffix(f.Example, "/")))
	info, err := volume.ReadInfo(at)
	if err != nil {
		return []Family{f} // whoever reads the scan names the error
	}
	if f.Modality == "" && info.Modality != "" {
		f.Modality, f.Why = info.Modality, "its files say so"
	}
	if f.Modality == "" && hounsfield(d.ctx, at) {
		f.Modality, f.Why = "ct", "air is about -1000"
	}
	const most = 16
	if len(info.Shape) != 4 || info.Shape[3] < 2 || info.Shape[3] > most {
		return []Family{f}
	}
	var out []Family
	for n := range info.Shape[3] {
		one := f
		one.Channel, one.Suffix = &n, strconv.Itoa(n)
		if name, ok := d.document.channels[one.Suffix]; ok {
			if modality, sequence, word := kindOf(name); modality != "" {
				one.Modality, one.Sequence, one.Why = modality, sequence, fmt.Sprintf("its channel is called %q", word)
			}
			if suffix := strings.Trim(notSuffix.ReplaceAllString(name, "_"), "_"); suffix != "" {
				one.Suffix = suffix
			}
		}
		out = append(out, one)
	}
	return out
}

var notSuffix = regexp.MustCompile(`[^A-Za-z0-9]+`)
