package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/internal/plain"
)

// Odd files of labels, by command: every row is brought in and flagged, or named
// as left out, or the file is refused by name. What is listed drives no terminal.
func TestOddLabelFiles(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text    string
		written int
		said    []string // of import and suggest
	}{
		"twice.csv":   {"value,label\n1,liver\n1,spleen\n2,liver\n2,liver\n", 3, []string{"read as table, UTF-8", "flagged   1 liver, line 2: value named twice", "left out  2 liver, line 5", "value named twice", "name given twice"}},
		"empty.csv":   {"value,label\n1,\n,\n3,\"   \"\n", 3, []string{"empty name"}},
		"long.csv":    {"value,label\n1," + strings.Repeat("x", 100_000) + "\n2,liver\n", 2, []string{"name of over", "1 of 2 labels answered"}},
		"odd.txt":     {"\u202eevil\n<script>alert(1)</script>\n=HYPERLINK(1)\n\x1b[2Jliver\nכבד\n", 5, []string{"text direction controls", "markup in the name", "formula", `\u202eevil`, `\x1b[2Jliver`}},
		"encoded.txt": {"Nierenlager gr\xf6\xdfer\nLeber größe\n", 2, []string{"Windows-1252"}},
		"utf16.txt":   {"\xff\xfel\x00i\x00v\x00e\x00r\x00\n\x00", 1, []string{"1 of 1 labels answered"}},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		store := "sqlite:" + filepath.Join(dir, name+".db")
		code, out, errOut := satgraph(t, "--store", store, "labels", "import", file, "--dataset", "D")
		if code != exitDone {
			t.Errorf("%s: import exits %d: %s", name, code, errOut)
			continue
		}
		_, suggested, _ := satgraph(t, "--store", store, "labels", "suggest", file)
		_, listed, _ := satgraph(t, "--store", store, "labels", "list", "--json")
		_, table, _ := satgraph(t, "--store", store, "labels", "list")
		var doc struct{ Labels []stateRow }
		if err := json.Unmarshal([]byte(listed), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Labels) != c.written {
			t.Errorf("%s: %d labels, want %d", name, len(doc.Labels), c.written)
		}
		for _, said := range c.said {
			if !strings.Contains(out+suggested, said) {
				t.Errorf("%s: nobody says %q:\n%s%s", name, said, out, suggested)
			}
		}
		for line := range strings.SplitSeq(out+suggested+table, "\n") {
			if plain.Text(line) != line {
				t.Errorf("%s: this would drive a terminal: %q", name, line)
			}
		}
	}
	for name, text := range map[string]string{
		"nul.txt": "liver\x00spleen\n", "line.txt": strings.Repeat("a", 2<<20), "none.txt": "", "broken.json": `{"labels": {"liver": `,
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errOut := satgraph(t, "--store", "sqlite:"+filepath.Join(dir, "refused.db"), "labels", "import", file, "--dataset", "D")
		if code != exitUsage || out != "" || !strings.Contains(errOut, name) {
			t.Errorf("%s: exit %d: %q %q", name, code, out, errOut)
		}
	}
}

// A script that decides on what it saw is told both versions where a colleague was
// quicker; one that decides on the present state is told what it replaced.
func TestDecidedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "labels.txt")
	if err := os.WriteFile(file, []byte("thing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(want int, args ...string) (out, errOut string) {
		t.Helper()
		code, out, errOut := satgraph(t, append([]string{"--store", "sqlite:" + filepath.Join(dir, "a.db"), "labels"}, append(args, "--dataset", "My set")...)...)
		if code != want {
			t.Fatalf("%v: exit %d: %s%s", args, code, out, errOut)
		}
		return out, errOut
	}
	at(exitDone, "import", file)
	at(exitDone, "accept", "thing", "--term", "liver", "--by", "ann", "--seen", "1")
	out, errOut := at(exitRefused, "accept", "thing", "--term", "spleen", "--by", "bob", "--seen", "1")
	if !strings.Contains(out, "now       exact liver (UBERON:0002107)  (ann)  (version 2)") || !strings.Contains(out, "yours     decide: exact spleen") || !strings.Contains(errOut, "by ann") {
		t.Errorf("got %s%s", out, errOut)
	}
	out, _ = at(exitRefused, "accept", "thing", "--term", "spleen", "--by", "bob", "--seen", "1", "--json")
	var doc struct {
		Conflict struct {
			Now  stateRow
			Seen int
		}
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.Conflict.Now.Version != 2 || doc.Conflict.Seen != 1 {
		t.Errorf("%v: %s", err, out)
	}
	if out, _ = at(exitDone, "accept", "thing", "--term", "spleen", "--by", "bob"); !strings.Contains(out, "was       exact liver (UBERON:0002107)  (ann)\nsettled") {
		t.Errorf("got %s", out)
	}
	at(exitDone, "flag", "thing", "--comment", "which\tthing?", "--by", "ann")
	if out, _ = at(exitDone, "list"); !strings.Contains(out, `flagged by ann: which\tthing?`) {
		t.Errorf("got %s", out)
	}
	if out, _ = at(exitDone, "policy", "--reviewers", "2"); !strings.Contains(out, "My set: reviewers who must agree: 2") {
		t.Errorf("got %s", out)
	}
	if _, errOut = at(exitRefused, "accept", "nothing", "--none"); !strings.Contains(errOut, "--dataset 'My set'") {
		t.Errorf("got %s", errOut)
	}
}
