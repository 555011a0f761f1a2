package suggest

import (
	"strings"
	"testing"

	"satgraph/graph/builtin"
	"satgraph/labelmap"
)

// Names that are none, or that were made to harm, get a result like all others:
// no answer, and why.
func TestOddNames(t *testing.T) {
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"", " ", "\t\n", "???", "\x00", "\xff\xfe\xfd", "💀", "=cmd|' /C calc'!A0", "@SUM(1+1)", "<script>alert(1)</script>", "../../etc/passwd",
		"\u202eyendik tfel", "כליה שמאל", strings.Repeat("liver ", 20_000), strings.Repeat("x", 100_000), strings.Repeat("(", 300), strings.Repeat("a_", 200),
		"%s%s%n", "'; DROP TABLE labels; --", strings.Repeat("L1-", 60), "第" + strings.Repeat("十", 90) + "肋骨",
	}
	labels := make([]labelmap.RawLabel, len(names))
	for i, n := range names {
		labels[i] = labelmap.RawLabel{Dataset: "odd", Name: n}
	}
	results := New(tree, corpus(t)).Suggest(labels, 5)
	if len(results) != len(names) {
		t.Fatalf("%d results for %d labels", len(results), len(names))
	}
	for i, r := range results {
		if r.Label != &labels[i] {
			t.Errorf("%.30q: the result of another label", names[i])
		}
		if !r.Abstained || r.Why == "" {
			t.Errorf("%.30q: answered, or without a reason: %+v", names[i], r.Suggestions)
		}
	}
}
