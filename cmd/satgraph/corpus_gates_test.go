package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/datasets/gates"
	"satgraph/internal/sharedtest"
)

func TestGatesFindTheScanThatIsTrainAndTest(t *testing.T) {
	list := sharedtest.Path(t, "facts/sat-ds/scans.jsonl.gz")
	code, out, stderr := satgraph(t, "corpus", "gates", "--scans", list, "--gate", "both-sides", "--json")
	if code != exitRefused || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	var report gates.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, `"subject": "prostate_28"`) {
		t.Errorf("MSD_Prostate's patient 28 is not in\n%s", out)
	}

	waivers := filepath.Join(t.TempDir(), "waivers.yaml")
	text := "- {gate: both-sides, reason: each is trained on only, by: Ada, reviewer: Grace, date: 2026-11-25}\n"
	if err := os.WriteFile(waivers, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ = satgraph(t, "corpus", "gates", "--scans", list, "--gate", "both-sides", "--waivers", waivers); code != exitDone || !strings.Contains(out, "waived by Ada and Grace") {
		t.Errorf("with a waiver: exit code %d\n%s", code, out)
	}
}

func TestGatesNameTheMistake(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "waivers.yaml")
	if err := os.WriteFile(bad, []byte("- {gate: licence, by: Ada}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--use", "profit"}, "research, commercial or share"},
		{[]string{"--gate", "licenses"}, "there are licence"},
		{[]string{"--waivers", bad}, "number 1"},
		{[]string{"--waivers", bad + ".none"}, "no such file"},
		{[]string{"--scans", bad}, "line 1"},
	} {
		code, out, stderr := satgraph(t, append([]string{"corpus", "gates"}, c.args...)...)
		if code != exitUsage || !strings.Contains(stderr, c.says) || out != "" {
			t.Errorf("%q: exit code %d, %q, %q", c.args, code, out, stderr)
		}
	}
}

// A split by person ends what both-sides stops, the card says whom it moved, and
// the published split stays to be had.
func TestSplitByPerson(t *testing.T) {
	list := sharedtest.Path(t, "facts/sat-ds/scans.jsonl.gz")
	if code, out, _ := satgraph(t, "corpus", "gates", "--scans", list, "--gate", "both-sides", "--split", "persons"); code != exitDone {
		t.Errorf("gates: exit code %d\n%s", code, out)
	}
	if code, out, _ := satgraph(t, "corpus", "card", "--scans", list, "--split", "persons"); code != exitDone || !strings.Contains(out, "| BraTS2023_GLI | 41 | 164 | 0 |") {
		t.Errorf("card: exit code %d\n%s", code, out)
	}
	for _, wrong := range [][]string{
		{"--split", "persons"}, {"--split", "halves", "--scans", list}, {"--split", "persons", "--scans", list, "--as-published"},
	} {
		if code, _, stderr := satgraph(t, append([]string{"corpus", "stats"}, wrong...)...); code != exitUsage || stderr == "" {
			t.Errorf("%v: exit code %d, %s", wrong, code, stderr)
		}
	}
}
