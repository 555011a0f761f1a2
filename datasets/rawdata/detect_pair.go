package rawdata

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
)

// family is scans of one pattern, with what is paired: the mask of each image.
type family struct {
	scans catalog.Scans
	pairs map[string]string
}

// families finds how masks are called after images. ErrUnclear where an image
// has several masks.
func families(images, masks []string) ([]*family, error) {
	var out []*family
	taken := map[string]*family{}
	for _, some := range groups(images) {
		for _, group := range groups(masks) {
			for _, f := range pairAll(some, group, 0) {
				for image, mask := range f.pairs {
					if other := taken[image]; other != nil {
						return nil, fmt.Errorf("%w: %s has several masks, such as %s and %s; say which is meant with --image '%s' --mask '%s', or the other, '%s'",
							ErrUnclear, image, other.pairs[image], mask, other.scans.Image, other.scans.Mask, f.scans.Mask)
					}
					taken[image] = f
				}
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// groups sorts paths by depth and ending: those of one pattern are in one.
func groups(names []string) [][]string {
	by := map[string][]string{}
	for _, n := range names {
		key := fmt.Sprint(strings.Count(n, "/"), volumeFile.FindString(n))
		by[key] = append(by[key], n)
	}
	var out [][]string
	for _, key := range slices.Sorted(maps.Keys(by)) {
		slices.Sort(by[key])
		out = append(out, by[key])
	}
	return out
}

// pairAll is pair, also of masks that lie in several places: where their paths
// differ in a word that images do not have, masks of each word are paired alone.
func pairAll(images, masks []string, depth int) []*family {
	const most = 3
	f, odd := pair(images, masks)
	if f == nil {
		if odd == nil || distinct(odd) > few || 2*distinct(odd) > len(masks) || depth == most {
			return nil
		}
		by := map[string][]string{}
		for i, word := range odd {
			by[word] = append(by[word], masks[i])
		}
		var out []*family
		for _, word := range slices.Sorted(maps.Keys(by)) {
			out = append(out, pairAll(images, by[word], depth+1)...)
		}
		return out
	}
	// Images without a mask, as those of a test set, should not widen the pattern.
	if len(f.pairs) < len(images) {
		again, _ := pair(slices.Sorted(maps.Keys(f.pairs)), slices.Sorted(maps.Values(f.pairs)))
		if again != nil && len(again.pairs) == len(f.pairs) {
			f = again
		}
	}
	return []*family{f}
}

// pair finds how masks are called after images; nil where they are not, with the
// texts, mask by mask, that no image has, if that is why.
func pair(images, masks []string) (f *family, odd []string) {
	if len(masks) == 1 && len(images) == 1 {
		return single(images[0], masks[0]), nil
	}
	is, ms := shapeOf(images), shapeOf(masks)
	ids := map[string]bool{}
	for _, values := range ms.values {
		for _, v := range values {
			ids[v] = true
		}
	}
	is.splitBy(ids)
	// The image's placeholder with most values is the case.
	names, most := map[int]string{}, -1
	for place, values := range is.values {
		names[place] = fmt.Sprintf("part%d", place+1)
		if n := distinct(values); most < 0 || n > distinct(is.values[most]) {
			most = place
		}
	}
	if most < 0 {
		return nil, nil
	}
	names[most] = "case"
	// Each placeholder of the mask takes its texts from one of the image's.
	maskNames := map[int]string{}
	for place, values := range ms.values {
		best, hits := -1, 0
		for other, texts := range is.values {
			if n := overlap(values, texts); n > hits {
				best, hits = other, n
			}
		}
		if best < 0 {
			return nil, values
		}
		maskNames[place] = names[best]
	}
	image, err := catalog.ParsePattern(is.pattern(names, true))
	mask, err2 := catalog.ParsePattern(ms.pattern(maskNames, false))
	if err != nil || err2 != nil {
		return nil, nil
	}
	there := map[string]bool{}
	for _, m := range masks {
		there[m] = true
	}
	pairs := map[string]string{}
	for _, name := range images {
		if values, ok := image.Match(name); ok {
			if at, err := mask.Fill(values); err == nil && there[at] {
				pairs[name] = at
			}
		}
	}
	if 2*len(pairs) < len(masks) || len(pairs) == 0 {
		// A number may be taken for one that it only looks like.
		if len(ms.values) > 1 {
			odd = slices.MinFunc(ms.values, func(a, b []string) int { return distinct(a) - distinct(b) })
		}
		return nil, odd
	}
	scans := catalog.Scans{Image: image, Mask: mask, Example: slices.Min(slices.Collect(maps.Keys(pairs))), Patient: is.person(names)}
	return &family{scans, pairs}, nil
}

var personWord = regexp.MustCompile(`(?i)(^|[^a-z])(sub|subject|patient|pat)[-_]?$`)

// person names what tells people apart: what follows the word for one, else the
// case.
func (s *shape) person(names map[int]string) string {
	for i, p := range s.parts {
		if p.place >= 0 && i > 0 && personWord.MatchString(s.parts[i-1].text) {
			return "{" + names[p.place] + "}"
		}
	}
	return "{case}"
}

// single is the layout of one image and one mask, of which nothing tells what
// differs from scan to scan but the folder or name that both have; nil where they
// share none.
func single(image, mask string) *family {
	id := ""
	for _, candidate := range append(strings.Split(path.Dir(image), "/")[1:], stem(path.Base(image))) {
		if candidate != "" && strings.Contains(mask, candidate) && len(candidate) > len(id) && !isMask(candidate) {
			id = candidate
		}
	}
	if id == "" {
		return nil
	}
	at, err := catalog.ParsePattern(strings.ReplaceAll(image, id, "{case}"))
	to, err2 := catalog.ParsePattern(strings.ReplaceAll(mask, id, "{case}"))
	if err != nil || err2 != nil {
		return nil
	}
	return &family{catalog.Scans{Image: at, Mask: to, Example: image, Patient: "{case}"}, map[string]string{image: mask}}
}
