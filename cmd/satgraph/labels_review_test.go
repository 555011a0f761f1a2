package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	enter = "\r"
)

// The built program on a pseudo-terminal, from start to exit: what the keys
// decide is what the ledger holds.
func TestReviewOnTerminal(t *testing.T) {
	dir := t.TempDir()
	store := "sqlite:" + filepath.Join(dir, "s.db")
	file := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(file, []byte("value,label\n1,liver\n2,\"\x1b[2J\x1b]0;owned\a\"\n3,כליה שמאל\n4,left kidney\n5,background\n6,rt kidny\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := satgraph(t, "--store", store, "labels", "import", file, "--dataset", "D", "--modality", "ct"); code != exitDone {
		t.Fatalf("import: %d: %s", code, errOut)
	}
	screen := startTerminal(t, 80, 24, []string{"NO_COLOR=1"}, "--store", store, "labels", "review", "--dataset", "D", "--by", "ann")
	screen.sees("? liver")
	screen.sees(`2 \x1b[2J\x1b]0;owned\a`)
	screen.sees("כליה שמאל")
	screen.keys("a")
	screen.sees("1 of 6 settled")
	screen.keys("0", "s")
	screen.sees("[search]")
	screen.keys("left kidney", enter)
	screen.sees("3 of 6 settled")
	screen.resize(130, 40)
	screen.sees("4 left kidney")
	screen.keys("a", "0", "u", "f", "drawn by whom?", enter)
	screen.sees("flag by ann: drawn by whom?")
	screen.keys("A")
	screen.sees("nothing to write; - accepts less sure ones too") // a misspelt name is no sure one
	screen.keys("-")
	screen.sees("accept 1 of the 6 labels shown")
	screen.keys("y")
	screen.sees("5 of 6 settled")
	screen.keys("q")
	code, written := screen.ends()
	if code != exitDone || !strings.Contains(written, "6 decisions written by ann") {
		t.Errorf("exit %d: %q", code, written[max(0, len(written)-300):])
	}
	if strings.Contains(written, "owned\a") || strings.Contains(written, "\x1b[2J\x1b]0") {
		t.Error("a label's escape sequence reached the terminal")
	}
	if colour := regexp.MustCompile(`\x1b\[[0-9;]*(3[0-7]|4[0-7]|38|48)[;0-9]*m`).FindString(written); colour != "" {
		t.Errorf("NO_COLOR, and yet %q", colour)
	}
	if !strings.Contains(written, "\x1b[?1049l") {
		t.Error("the terminal is left on the alternate screen")
	}
	_, out, _ := satgraph(t, "--store", store, "labels", "list", "--dataset", "D", "--json")
	var doc struct{ Labels []stateRow }
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, l := range doc.Labels {
		what := string(l.Outcome)
		for _, target := range l.Targets {
			what += " " + target.Name
		}
		got[strings.Fields(l.Label)[0]] = what
	}
	for value, want := range map[string]string{
		"1": "mapped liver", "2": "no_term", "3": "mapped left kidney", "4": "mapped left kidney", "5": "", "6": "mapped right kidney",
	} {
		if got[value] != want {
			t.Errorf("label %s is %q, want %q", value, got[value], want)
		}
	}
}

func TestReviewWithoutTerminal(t *testing.T) {
	dir := t.TempDir()
	store := "sqlite:" + filepath.Join(dir, "s.db")
	code, _, errOut := satgraph(t, "--store", store, "labels", "review", "--dataset", "D")
	if code != exitRefused || !strings.Contains(errOut, "labels import") {
		t.Errorf("an empty dataset: %d: %s", code, errOut)
	}
	file := filepath.Join(dir, "labels.txt")
	if err := os.WriteFile(file, []byte("liver\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := satgraph(t, "--store", store, "labels", "import", file, "--dataset", "D"); code != exitDone {
		t.Fatal(errOut)
	}
	code, out, errOut := satgraph(t, "--store", store, "labels", "review", "--dataset", "D")
	if code != exitRefused || !strings.Contains(errOut, "needs a terminal") || out != "" {
		t.Errorf("no terminal: %d: %q %s", code, out, errOut)
	}
}
