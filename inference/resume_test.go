package inference

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satgraph/volume"
)

// resumeScene has enough windows to be interrupted in, and a model that takes
// its time.
func resumeScene() (*volume.Image, *fakeModel) {
	im, m := scene(), sceneModel()
	m.man.Patch = [3]int{16, 16, 16}
	m.quiet = -20
	return im, m
}

func resumeOptions(dir string) Options {
	return Options{Work: dir, SaveEvery: time.Nanosecond, maxBricks: 60}
}

// outcomeOf is what two runs must agree on.
func outcomeOf(t *testing.T, rep *Report, masks map[string]*volume.Bits) string {
	t.Helper()
	var b strings.Builder
	for _, s := range rep.Structures {
		text, err := json.Marshal(s.Measures)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(&b, "%s %s %d %s\n", s.Term, s.Status, s.Voxels, text)
		if m := masks[s.Term]; m != nil {
			m.Runs(func(r volume.Run) bool { _, _ = fmt.Fprint(&b, r); return true })
		}
	}
	return b.String()
}

func runResumable(t *testing.T, m *fakeModel, im *volume.Image, o Options) (*Report, string) {
	t.Helper()
	masks := map[string]*volume.Bits{}
	o.Sink = func(s *StructureResult) error { masks[s.Term] = s.Mask.Clone(); return nil }
	rep, err := Run(context.Background(), m, im, Prompts(CT, "low", "high", "nothing"), o)
	if err != nil {
		t.Fatal(err)
	}
	return rep, outcomeOf(t, rep, masks)
}

// TestKilledProcess is the process that TestResumeAfterKill kills.
func TestKilledProcess(t *testing.T) {
	dir := os.Getenv("SATGRAPH_TEST_KILLED")
	if dir == "" {
		t.Skip("it is run by TestResumeAfterKill")
	}
	im, m := resumeScene()
	m.after = func() { fmt.Println("looked", m.looks); time.Sleep(20 * time.Millisecond) }
	_, _ = Run(context.Background(), m, im, Prompts(CT, "low", "high", "nothing"), resumeOptions(dir))
	fmt.Println("ended")
}

func TestResumeAfterKill(t *testing.T) {
	im, m := resumeScene()
	whole, want := runResumable(t, m, im, Options{})
	looks := m.looks
	for _, after := range []int{3, 20, looks - 2} {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledProcess$", "-test.v")
		cmd.Env = append(os.Environ(), "SATGRAPH_TEST_KILLED="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		ended := true
		for lines.Scan() {
			if lines.Text() == fmt.Sprint("looked ", after) {
				ended = false
				break
			}
		}
		if err := cmd.Process.Kill(); err != nil { // SIGKILL
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if ended {
			t.Fatal("it ended before it could be killed")
		}
		if names, _ := filepath.Glob(filepath.Join(dir, "*"+workSuffix)); len(names) == 0 {
			t.Fatalf("nothing was kept after %d windows", after)
		}
		im, m := resumeScene()
		rep, got := runResumable(t, m, im, resumeOptions(dir))
		if got != want {
			t.Errorf("killed after %d windows, the result is another", after)
		}
		if !rep.Resumed || m.looks >= looks+5 {
			t.Errorf("killed after %d of %d windows, it looked at %d again (resumed: %v)", after, looks, m.looks, rep.Resumed)
		}
		if after == looks-2 && rep.Windows != whole.Windows {
			t.Errorf("%d windows, not %d", rep.Windows, whole.Windows)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			left, _ := filepath.Glob(filepath.Join(dir, "*"+workSuffix))
			if len(left) > 0 {
				t.Errorf("it leaves %v", left)
			}
		}
	}
}

// What is left of another run, or was cut or altered, is passed by.
func TestResumePassesOverWhatDoesNotFit(t *testing.T) {
	im, m := resumeScene()
	_, want := runResumable(t, m, im, Options{})
	all := m.looks
	interrupt := func(dir string, im *volume.Image) {
		_, m := resumeScene()
		ctx, cancel := context.WithCancel(context.Background())
		m.after = func() {
			if m.looks == 30 {
				cancel()
			}
		}
		if _, err := Run(ctx, m, im, Prompts(CT, "low", "high", "nothing"), Options{Work: dir, SaveEvery: time.Nanosecond}); err == nil {
			t.Fatal("it was not interrupted")
		}
	}
	state := func(dir string) string {
		names, err := filepath.Glob(filepath.Join(dir, "*-state"+workSuffix))
		if err != nil || len(names) != 1 {
			t.Fatalf("%v %v", names, err)
		}
		return names[0]
	}
	for name, spoil := range map[string]func(dir string){
		"sound": func(string) {},
		"cut": func(dir string) {
			if err := os.Truncate(state(dir), 500); err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(dir string) {
			if err := os.Truncate(state(dir), 0); err != nil {
				t.Fatal(err)
			}
		},
		"altered": func(dir string) {
			b, err := os.ReadFile(state(dir))
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(state(dir), b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"another scan's": func(dir string) {
			own := filepath.Base(state(dir))
			other, _ := resumeScene()
			other.Data[0]++
			at := t.TempDir()
			interrupt(at, other)
			b, err := os.ReadFile(state(at))
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Base(state(at)) == own {
				t.Fatal("two scans have one key")
			}
			if err := os.WriteFile(state(dir), b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		dir := t.TempDir()
		interrupt(dir, im)
		spoil(dir)
		_, m := resumeScene()
		rep, got := runResumable(t, m, im, Options{Work: dir, SaveEvery: time.Hour})
		if got != want {
			t.Errorf("%s: the result is another", name)
		}
		if rep.Resumed != (name == "sound") || (m.looks == all) == (name == "sound") {
			t.Errorf("%s: resumed %v, %d of %d windows", name, rep.Resumed, m.looks, all)
		}
	}
}

// A folder that takes nothing costs the ability to go on, not the run.
func TestRunGoesOnWhereNothingCanBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	im, m := resumeScene()
	rep, _ := runResumable(t, m, im, Options{Work: filepath.Join(file, "work")})
	if !slices.ContainsFunc(rep.Warnings, func(w string) bool { return strings.Contains(w, "cannot be resumed") }) {
		t.Errorf("warnings %q", rep.Warnings)
	}
}
