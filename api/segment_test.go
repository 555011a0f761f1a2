package api_test

import (
	"fmt"
	"strings"
	"testing"
)

const payload = ` { job { id status query structures { term { name } name status reason volumeMl maskUrl } }
	mistake { code message hint argument candidates { id name } structures { name status reason } } } `

// asks sends a mutation on an image.
func (s *service) asks(mutation, image string) *answer {
	s.t.Helper()
	return s.ask(`mutation($i: ID!) { it: `+mutation+payload+`}`, map[string]any{"i": image})
}

func (s *service) structures(a *answer) []string {
	s.t.Helper()
	if len(a.Errors) > 0 {
		s.t.Fatalf("%v %v", a.Errors, a.Data)
	}
	return names(s.t, a.at(s.t, "it", "job", "structures"))
}

func TestSegmentChildrenByRelationAndDepth(t *testing.T) {
	s := start(t, nil)
	image := s.upload(scan(t, "scan.nii"))
	for _, c := range []struct{ arguments, query, want string }{
		{`of: "heart"`, "children of heart", "heart left ventricle, left cardiac atrium, mitral valve, right cardiac atrium"},
		{`of: "heart", relation: PART_OF`, "children of heart by part_of", "heart left ventricle, left cardiac atrium, mitral valve, right cardiac atrium"},
		{`of: "heart", relation: LOCATED_IN`, "children of heart by located_in", "heart tumor"},
		{`of: "thorax", depth: 2`, "2 levels below thorax", "heart, heart left ventricle, left cardiac atrium, mitral valve, right cardiac atrium"},
		{`of: "T:6", relation: [PART_OF, LOCATED_IN], depth: 50`, "50 levels below T:6 by part_of and located_in", "heart, heart left ventricle, heart tumor, left cardiac atrium, mitral valve, right cardiac atrium"},
	} {
		a := s.asks(`segmentChildren(image: $i, modality: CT, `+c.arguments+`)`, image)
		got := s.structures(a)
		for name := range strings.SplitSeq(c.want, ", ") {
			if len(got) != strings.Count(c.want, ", ")+1 || !strings.Contains(strings.Join(got, ", "), name) {
				t.Errorf("%s: got %v, want %s", c.arguments, got, c.want)
				break
			}
		}
		if q := a.at(t, "it", "job", "query"); q != c.query {
			t.Errorf("%s: the job was asked %q", c.arguments, q)
		}
	}
}

// Mistakes are values where they are asked for, and errors where they are not.
func TestSegmentMistakes(t *testing.T) {
	s := start(t, nil)
	image := s.upload(scan(t, "scan.nii"))
	for _, c := range []struct{ mutation, image, code, argument, candidate string }{
		{`segmentChildren(of: "hart left", image: $i)`, image, "UNKNOWN_TERM", "of", "heart"},
		{`segmentChildren(of: "hart", image: $i, depth: 2)`, image, "UNKNOWN_TERM", "of", "heart"},
		{`segmentChildren(of: "atrium", image: $i, depth: 2)`, image, "AMBIGUOUS_TERM", "of", "left cardiac atrium"},
		{`segmentChildren(of: "heart", image: $i, depth: 0)`, image, "BAD_USER_INPUT", "depth", ""},
		{`segmentChildren(of: "brain", image: $i, depth: 3)`, image, "NOT_SEGMENTABLE", "of", ""},
		{`segmentChildren(of: "heart", image: $i)`, "nowhere", "NOT_FOUND", "image", ""},
		{`segment(query: "heart left ventricl", image: $i)`, image, "UNKNOWN_TERM", "query", "heart left ventricle"},
		{`segment(query: "left atrium", image: $i, model: "gpt")`, image, "NOT_FOUND", "model", ""},
		{`segment(image: $i)`, image, "BAD_USER_INPUT", "query", ""},
	} {
		a := s.asks(c.mutation, c.image)
		if len(a.Errors) > 0 || a.at(t, "it", "job") != nil {
			t.Errorf("%s: %v %v", c.mutation, a.Errors, a.Data)
			continue
		}
		m := a.at(t, "it", "mistake")
		if a.at(t, "it", "mistake", "code") != c.code || a.at(t, "it", "mistake", "argument") != c.argument || !strings.Contains(text(m), c.candidate) {
			t.Errorf("%s: got %s, want %s of %s with %q", c.mutation, text(m), c.code, c.argument, c.candidate)
		}
		plain := s.ask(`mutation($i: ID!) { `+c.mutation+` { job { id } } }`, map[string]any{"i": c.image})
		if plain.code() != c.code || len(plain.Errors[0].Path) == 0 {
			t.Errorf("%s without mistake: %v", c.mutation, plain.Errors)
		}
	}
	// Nothing can be segmented: a refused job, and the mistake with the reasons.
	a := s.asks(`segment(query: "mitral valve, brain", image: $i)`, image)
	if len(a.Errors) > 0 || a.at(t, "it", "job", "status") != "REFUSED" || a.at(t, "it", "mistake", "code") != "NOT_SEGMENTABLE" {
		t.Fatalf("%v %v", a.Errors, a.Data)
	}
	for i := range 2 {
		if fmt.Sprint(a.at(t, "it", "mistake", "structures", i, "reason")) == "" {
			t.Errorf("no reason: %v", a.Data)
		}
	}
}

// A request that is sent again with its key is the same job; another with that key
// is a mistake.
func TestSegmentAgainByKey(t *testing.T) {
	s := start(t, nil)
	image := s.upload(scan(t, "scan.nii"))
	first := s.asks(`segmentChildren(of: "heart", image: $i, key: "k1")`, image)
	again := s.asks(`segmentChildren(of: "heart", image: $i, key: "k1")`, image)
	if id := first.at(t, "it", "job", "id"); id == nil || again.at(t, "it", "job", "id") != id {
		t.Errorf("sent again: %v, then %v; %v", id, again.Data, again.Errors)
	}
	other := s.asks(`segment(query: "brain", image: $i, key: "k1", modality: CT)`, image)
	if other.at(t, "it", "mistake", "code") != "KEY_CONFLICT" || other.at(t, "it", "mistake", "argument") != "key" || other.at(t, "it", "job") != nil {
		t.Errorf("another request with the key: %v %v", other.Data, other.Errors)
	}
}
