package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTreeReadingCommands(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		code int
		want []string // in the output, in this order
	}{
		{"path over the common ancestor", []string{"tree", "path", "left kidney", "right kidney", "--relation", "is_a"}, exitDone, []string{"left kidney", "▸ is_a", "kidney", "◂ is_a", "right kidney"}},
		{"path by ids, as JSON", []string{"tree", "path", "UBERON:0004538", "kidney", "--json"}, exitDone, []string{`"joined": true`, `"up": true`}},
		{"no path by this relation", []string{"tree", "path", "left kidney", "brain", "--relation", "part_of", "--json"}, exitRefused, []string{`"joined": false`}},
		{"common", []string{"tree", "common", "left kidney", "right kidney"}, exitDone, []string{"kidney"}},
		{"siblings", []string{"tree", "siblings", "left kidney", "--relation", "is_a"}, exitDone, []string{"right kidney"}},
		{"parts", []string{"tree", "parts", "heart", "--json"}, exitDone, []string{"cardiac chamber", "endocardium", "myocardium"}},
		{"one term is not enough", []string{"tree", "common", "kidney"}, exitUsage, nil},
		{"unknown term", []string{"tree", "siblings", "flux capacitor"}, exitRefused, nil},
		{"bad relation", []string{"tree", "path", "heart", "brain", "--relation", "near"}, exitUsage, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, log := satgraph(t, test.args...)
			if code != test.code {
				t.Fatalf("exit code %d, want %d: %s", code, test.code, log)
			}
			rest := out
			for _, w := range test.want {
				_, after, found := strings.Cut(rest, w)
				if !found {
					t.Fatalf("no %q, or not in this order, in\n%s", w, out)
				}
				rest = after
			}
		})
	}
}

// The list of a deep show is no longer than the relations it shows, though many
// terms have several parents.
func TestTreeShowUnfoldsEachTermOnce(t *testing.T) {
	code, out, log := satgraph(t, "tree", "show", "UBERON:0001062", "--depth", "100", "--json")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, log)
	}
	type node struct {
		ID        string
		Elsewhere bool
		Children  []node
	}
	var root node
	if err := json.Unmarshal([]byte(out), &root); err != nil {
		t.Fatal(err)
	}
	unfolded, elsewhere := map[string]int{}, 0
	var count func(list []node)
	count = func(list []node) {
		for _, n := range list {
			if n.Elsewhere {
				elsewhere++
			}
			if len(n.Children) > 0 {
				unfolded[n.ID]++
			}
			count(n.Children)
		}
	}
	count(root.Children)
	if len(unfolded) < 1000 || elsewhere == 0 {
		t.Fatalf("%d terms unfolded, %d elsewhere", len(unfolded), elsewhere)
	}
	for id, n := range unfolded {
		if n > 1 {
			t.Errorf("%s is unfolded %d times", id, n)
		}
	}
}
