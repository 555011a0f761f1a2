package checkpoint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"satgraph/inference/checkpoint/torchfile"
)

// maxIndex bounds the numbers in keys: layers, stages, convolutions.
const maxIndex = 256

// source is a checkpoint whose tensors are taken by the graphs, one by one.
// What they ask for in vain, and what nobody asked for, are its problems.
type source struct {
	file     *torchfile.File
	used     map[string]bool
	problems []string
}

func newSource(f *torchfile.File) *source {
	return &source{file: f, used: map[string]bool{}}
}

func (s *source) problem(format string, args ...any) {
	p := fmt.Sprintf(format, args...)
	if !slices.Contains(s.problems, p) {
		s.problems = append(s.problems, p)
	}
}

// take returns a tensor of the wanted shape, in which -1 stands for anything.
// Where it cannot be had, that is noted and the result is nil.
func (s *source) take(key string, want ...int) *torchfile.Tensor {
	s.used[key] = true
	t := s.find(key)
	if t == nil {
		s.problem("%s is missing (want shape %v)", key, want)
		return nil
	}
	fits := len(want) == len(t.Shape)
	for i := 0; fits && i < len(want); i++ {
		fits = want[i] < 0 || want[i] == t.Shape[i]
	}
	switch {
	case !fits:
		s.problem("%s has shape %v, not %v", key, t.Shape, want)
		return nil
	case !t.DType.Floating():
		s.problem("%s has elements of type %v, not floating-point numbers", key, t.DType)
		return nil
	case t.Elements() == 0:
		s.problem("%s is empty (shape %v)", key, t.Shape)
		return nil
	}
	return t
}

// find returns a tensor under its name or its second name, or nil.
func (s *source) find(key string) *torchfile.Tensor {
	t := s.file.Tensors[key]
	if other, ok := alias(key); t == nil && ok {
		t = s.file.Tensors[other]
	}
	return t
}

// dim is the length of a tensor's axis, or -1.
func (s *source) dim(key string, axis int) int {
	if t := s.find(key); t != nil && axis < len(t.Shape) {
		return t.Shape[axis]
	}
	return -1
}

// vote is what most of several tensors say of a size, the first where they are
// equally many, so that the one that differs is blamed and not all others.
func vote(sizes ...int) int {
	best, votes := -1, 0
	for _, n := range sizes {
		if n <= 0 {
			continue
		}
		count := 0
		for _, m := range sizes {
			if m == n {
				count++
			}
		}
		if count > votes {
			best, votes = n, count
		}
	}
	return best
}

// count is one more than the largest index that stands in a key where pattern
// has its group. A gap shows later, as missing tensors.
func (s *source) count(pattern string) int {
	re := regexp.MustCompile(`^` + pattern)
	n := 0
	for _, key := range s.file.Names {
		if m := re.FindStringSubmatch(key); m != nil {
			if i, err := strconv.Atoi(m[1]); err == nil && i < maxIndex {
				n = max(n, i+1)
			}
		}
	}
	return n
}

// finish notes the tensors that nobody took, but for those that the network
// is known not to use, and returns all problems as one error.
func (s *source) finish(unused func(key string) bool, hint string) error {
	for _, key := range s.file.Names {
		if s.used[key] || unused(key) {
			continue
		}
		if first, ok := primary(key); ok && s.used[first] {
			s.compare(first, key)
			continue
		}
		s.problem("%s is not part of the network", key)
	}
	if len(s.problems) == 0 {
		return nil
	}
	return &MismatchError{Path: s.file.Path(), Problems: s.problems, Hint: hint}
}

// compare checks that a parameter and its second name hold the same numbers.
func (s *source) compare(first, second string) {
	a, b := s.file.Tensors[first], s.file.Tensors[second]
	if a == nil || a.SameAs(b) {
		return
	}
	if !slices.Equal(a.Shape, b.Shape) {
		s.problem("%s has shape %v and its second name %s %v", first, a.Shape, second, b.Shape)
		return
	}
	x, err1 := a.Float32()
	y, err2 := b.Float32()
	if err1 != nil || err2 != nil || !slices.Equal(x, y) {
		s.problem("%s and its second name %s differ", first, second)
	}
}

// Every convolution and norm of the U-Net is stored a second time, in the list
// of its block's modules.
var (
	reSecond = regexp.MustCompile(`^(backbone\..*\.convs\.\d+\.)all_modules\.([01])(\..*)$`)
	reFirst  = regexp.MustCompile(`^(backbone\..*\.convs\.\d+\.)(conv|norm)(\..*)$`)
)

func primary(key string) (string, bool) {
	m := reSecond.FindStringSubmatch(key)
	if m == nil {
		return "", false
	}
	return m[1] + [...]string{"conv", "norm"}[m[2][0]-'0'] + m[3], true
}

func alias(key string) (string, bool) {
	m := reFirst.FindStringSubmatch(key)
	if m == nil {
		return "", false
	}
	return m[1] + "all_modules." + map[string]string{"conv": "0", "norm": "1"}[m[2]] + m[3], true
}

// Parts that inference never uses: the heads of deep supervision and the norm
// of the self-attention that the decoder's layers do not have.
var reUnusedVision = regexp.MustCompile(`^(mid_mask_embed_proj\.|transformer_decoder\.layers\.\d+\.norm1\.)`)

func unusedVision(key string) bool { return reUnusedVision.MatchString(key) }

// Of a text encoder: the pooler, a table of positions, and what only the
// injection of knowledge used.
func unusedText(key string) bool {
	return strings.HasPrefix(key, "text_tower.biolord.pooler.") || strings.HasSuffix(key, ".position_ids") || pretraining(key)
}

// pretraining tells a key that only the injection of knowledge used.
func pretraining(key string) bool {
	return strings.Contains(key, "atlas_tower") || strings.Contains(key, "temperature")
}
