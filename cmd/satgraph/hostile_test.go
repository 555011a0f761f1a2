package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"satgraph/inference"
	"satgraph/inference/onnx/onnxtest"
	"satgraph/inference/remote/tritontest"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

// What hostile or unlucky users give the built program. Each time it says in one
// line what is wrong and what to do, ends with the exit code that belongs to it,
// and leaves nothing behind.

// refuses runs the program, which must end with code, name the cause and give a
// hint behind a semicolon.
func refuses(t *testing.T, code int, says string, args ...string) {
	t.Helper()
	got, _, stderr := satgraph(t, args...)
	last := lastLine(stderr)
	if got != code || !strings.HasPrefix(last, "satgraph: ") || !strings.Contains(last, says) || !strings.Contains(last, "; ") {
		t.Errorf("%.200q: exit code %d, want %d with %q and a hint; it says %.500q", args, got, code, says, last)
	}
	if len(last) > 2000 {
		t.Errorf("%.200q: it says %d bytes", args, len(last))
	}
	if strings.ContainsAny(stderr, "\x1b\x00\x07") {
		t.Errorf("%.200q: control characters reach the terminal: %.500q", args, stderr)
	}
}

// empty checks that a folder holds nothing, hidden files included.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range left {
		t.Errorf("left behind: %s", e.Name())
	}
}

// scanWith writes a scan of 24³ voxels of 4 mm, then changes its header.
func scanWith(t *testing.T, dir, name string, change func(header, voxels []byte)) string {
	t.Helper()
	grid := volume.Grid{Shape: [3]int{24, 24, 24}, Affine: volume.Affine{{4, 0, 0, 0}, {0, 4, 0, 0}, {0, 0, 4, 0}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range im.Data {
		im.Data[i] = float32(noise.IntN(1400)) - 1000 + float32(noise.Float64())
	}
	path := filepath.Join(dir, name)
	if err := volume.WriteImage(path, im, volume.Float32); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	change(raw[:352], raw[352:])
	write(t, path, raw)
	return path
}

// The fields of a NIfTI-1 header that the tests change (nifti1.h).
func setDim(h []byte, dim ...int16) {
	for i, d := range dim {
		binary.LittleEndian.PutUint16(h[40+2*i:], uint16(d))
	}
}

func setFloat(h []byte, at int, v float32) {
	binary.LittleEndian.PutUint32(h[at:], math.Float32bits(v))
}

func withoutForms(h []byte) { copy(h[252:256], []byte{0, 0, 0, 0}) }

const (
	pixdim3At = 76 + 4*3
	srowYAt   = 296
)

func TestHostileScans(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		change func(h, v []byte)
		says   string
		info   bool // even the header cannot be read
	}{
		"four-dimensions.nii": {func(h, _ []byte) { setDim(h, 4, 24, 24, 8, 3) }, "it holds 3 volumes", false},
		"two-dimensions.nii":  {func(h, _ []byte) { setDim(h, 2, 24, 576, 1) }, "it has 2 axes", false},
		"huge.nii":            {func(h, _ []byte) { setDim(h, 3, 3000, 3000, 3000) }, "108000000000 voxel bytes", true},
		"negative-axis.nii":   {func(h, _ []byte) { setDim(h, 3, 24, -24, 24) }, "malformed header", true},
		"zero-spacing.nii":    {func(h, _ []byte) { setFloat(h, srowYAt+4, 0) }, "singular", true},
		"nan-affine.nii":      {func(h, _ []byte) { setFloat(h, srowYAt, nan) }, "unusable affine", true},
		"all-nan.nii": {func(_, v []byte) {
			for i := 0; i < len(v); i += 4 {
				setFloat(v, i, nan)
			}
		}, "no finite voxel", false},
		"all-zero.nii": {func(_, v []byte) { clear(v) }, "empty", false},
	} {
		path := scanWith(t, dir, name, c.change)
		refuses(t, exitUsage, name, "segment", path, "--prompt", "heart", "--modality", "ct", "-o", out)
		refuses(t, exitUsage, c.says, "segment", path, "--prompt", "heart", "--modality", "ct", "-o", out)
		if c.info {
			refuses(t, exitUsage, c.says, "volume", "info", path)
			refuses(t, exitUsage, c.says, "volume", "convert", path, filepath.Join(out, "converted.nii.gz"))
		}
	}
	empty(t, out)
}

// What is odd in a scan but can be read is said, and the masks keep its grid.
func TestOddScans(t *testing.T) {
	onnxtest.Need(t)
	dir := t.TempDir()
	for name, c := range map[string]struct {
		change func(h, v []byte)
		warns  string
	}{
		"one-slice.nii":        {func(h, _ []byte) { setDim(h, 3, 24, 576, 1) }, ""},
		"one-volume-in-4d.nii": {func(h, _ []byte) { setDim(h, 4, 24, 24, 24, 1) }, ""},
		"zero-pixdim.nii":      {func(h, _ []byte) { withoutForms(h); setFloat(h, pixdim3At, 0) }, "is taken as [4 4 1] mm"},
		"negative-pixdim.nii":  {func(h, _ []byte) { withoutForms(h); setFloat(h, pixdim3At, -4) }, "is taken as [4 4 4] mm"},
		"sheared.nii":          {func(h, _ []byte) { setFloat(h, srowYAt, 2) }, "not at right angles"},
		"one-nan.nii":          {func(_, v []byte) { setFloat(v, 400, float32(math.NaN())) }, "1 of 13824 voxels are NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			path := scanWith(t, dir, name, c.change)
			out := filepath.Join(t.TempDir(), "out")
			code, _, stderr := satgraph(t, "segment", path, "--prompt", "heart", "--prompt", "liver", "--modality", "ct", "-o", out)
			if code != exitDone {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			report := readReport(t, out)
			if said := strings.Join(report.Warnings, "\n"); !strings.Contains(said, c.warns) {
				t.Errorf("it warns of %q, not of %q", said, c.warns)
			}
			scan, err := volume.ReadInfo(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range report.Structures {
				if s.File == "" {
					continue
				}
				mask, err := volume.ReadInfo(filepath.Join(out, s.File))
				if err != nil || mask.Affine != scan.Affine || fmt.Sprint(mask.Shape[:3]) != fmt.Sprint(scan.Shape[:3]) {
					t.Errorf("%s: %v, shape %v of %v", s.File, err, mask.Shape, scan.Shape)
				}
			}
		})
	}
}

// Questions that are none, in any language and of any length.
func TestHostileQuestions(t *testing.T) {
	scan := scanWith(t, t.TempDir(), "scan.nii", func(_, _ []byte) {})
	out := filepath.Join(t.TempDir(), "out")
	long := strings.Repeat("liver ", 10_000/6)
	for _, c := range []struct {
		text         string
		query        int
		says         string
		prompt       int
		promptReason string
	}{
		{"", exitUsage, "empty", exitUsage, "empty"},
		{" \t\n", exitUsage, "empty", exitUsage, "empty"},
		{long, exitUsage, "at most 8192", exitUsage, "at most 1024"},
		{"heart\xff\xfe", exitUsage, "UTF-8", exitUsage, "UTF-8"},
		{"?!.,;", exitUsage, "no term is named", exitRefused, "not trained"},
		{"flux\x1b[31m\x07 capacitor", exitRefused, "unknown term", exitUsage, "control characters"},
		{"心脏和肝脏", exitRefused, "English and Latin", exitRefused, "not trained"},
		{"сердце без желудочков", exitRefused, "English and Latin", exitRefused, "not trained"},
		{"القلب والكبد", exitRefused, "English and Latin", exitRefused, "not trained"},
		{strings.Repeat("(", 4000), exitRefused, "unknown term", exitUsage, "at most 1024"},
		{strings.Repeat("children of ", 600), exitRefused, "unknown term", exitUsage, "at most 1024"},
		{strings.Repeat("liver, ", 1100), exitUsage, "at most 1000", exitUsage, "at most 1024"},
	} {
		refuses(t, c.query, c.says, "resolve", c.text, "--modality", "ct")
		refuses(t, c.prompt, c.promptReason, "segment", scan, "--modality", "ct", "--prompt", c.text, "-o", out)
	}
	empty(t, out)
}

// Other languages than English and Latin are refused; a structure that is known
// beside them is still found.
func TestQuestionOfMixedLanguages(t *testing.T) {
	code, stdout, _ := satgraph(t, "resolve", "liver, 肝脏", "--modality", "ct", "--json")
	var plan inference.Plan
	if err := json.Unmarshal([]byte(stdout), &plan); err != nil {
		t.Fatal(err)
	}
	if code != exitPartial || plan.Count(inference.Segmentable) != 1 || plan.Count(inference.Unknown) != 1 {
		t.Errorf("exit code %d: %s", code, stdout)
	}
}

// limited runs the program with no file above so many bytes, as on a disk that
// is full there.
func limited(t *testing.T, most int, args ...string) (code int, stderr string) {
	t.Helper()
	prog := program(t, args...)
	cmd := exec.CommandContext(t.Context(), "prlimit", append([]string{"--fsize=" + strconv.Itoa(most), prog.Path}, args...)...)
	if cmd.Err != nil {
		t.Skipf("no prlimit (util-linux) here: %v", cmd.Err)
	}
	code, _, stderr = finish(t, cmd)
	return code, stderr
}

func TestDiskFull(t *testing.T) {
	onnxtest.Need(t)
	scan := scanWith(t, t.TempDir(), "scan.nii", func(_, _ []byte) {})
	const most = 6 << 10 // more than a probe, less than a converted scan, a picture or a network
	tiny := sharedtest.Path(t, "fixtures/sat-tiny")
	for name, args := range map[string][]string{
		"volume convert": {"volume", "convert", scan, "OUT/scan.nii.gz"},
		"segment":        {"segment", scan, "--prompt", "heart", "--prompt", "liver", "--modality", "ct", "--no-resume", "-o", "OUT"},
		"phantom":        {"phantom", "-o", "OUT", "--seed", "1", "--count", "1"},
		"model triton":   {"model", "triton", "-o", "OUT/repository"},
		"model convert": {
			"model", "convert", "--vision", filepath.Join(tiny, "nano", "vision.pth"), "--text", filepath.Join(tiny, "text_encoder.pth"),
			"--patch", "64x96x64", "-o", "OUT/bundle",
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "OUT", out)
			}
			code, stderr := limited(t, most, args...)
			last := lastLine(stderr)
			if code != exitFailed || !strings.Contains(last, syscall.EFBIG.Error()) || !strings.Contains(last, "; ") {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			whole(t, out, most)
		})
	}
}

// whole checks that what lies in a folder is finished files, if anything.
func whole(t *testing.T, dir string, most int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), ".tmp") || info.Size() >= int64(most) {
			t.Errorf("left behind: %s of %d bytes", path, info.Size())
		}
		if strings.HasSuffix(path, ".nii.gz") {
			if _, err := volume.ReadImage(path, volume.ReadOptions{}); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A real file system without space, where one may be mounted.
func TestNoSpaceLeft(t *testing.T) {
	dir := t.TempDir()
	scan := scanWith(t, dir, "scan.nii", func(_, _ []byte) {})
	out, list := filepath.Join(dir, "small"), filepath.Join(dir, "list")
	if err := os.Mkdir(out, 0o750); err != nil {
		t.Fatal(err)
	}
	// In a name space of its own, so that nothing stays mounted.
	const script = `mount -t tmpfs -o size=16k none "$1" || exit 77
"$0" volume convert "$3" "$1/scan.nii.gz"; code=$?
ls -A "$1" >"$2"; exit $code`
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", script, program(t).Path, out, list, scan)
	code, _, stderr := finish(t, cmd)
	left, err := os.ReadFile(list)
	if err != nil {
		t.Skipf("nothing can be mounted here: %s", stderr)
	}
	if last := lastLine(stderr); code != exitFailed || !strings.Contains(last, "no space left on device; free some space") || len(left) > 0 {
		t.Errorf("exit code %d: %s; left behind: %s", code, last, left)
	}
}

func TestHostileCheckpoints(t *testing.T) {
	tiny := sharedtest.Path(t, "fixtures/sat-tiny")
	vision, text := filepath.Join(tiny, "nano", "vision.pth"), filepath.Join(tiny, "text_encoder.pth")
	good, err := os.ReadFile(vision)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	made := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		write(t, path, data)
		return path
	}
	evil := repacked(t, vision, "ctorch._utils\n_rebuild_tensor_v2\n", "cos\nsystem\n")
	const step = "\x04\x00\x00\x00stepq\x01J@"
	later := repacked(t, text, step, step[:len(step)-1]+"A")
	spoilt := bytes.Clone(good)
	spoilt[bytes.Index(good, []byte("archive/data/0"))+200] ^= 1
	out := filepath.Join(dir, "out", "bundle")
	refuses(t, exitUsage, filepath.Dir(out), "model", "convert", "--vision", vision, "--text", text, "-o", out)
	if err := os.Mkdir(filepath.Dir(out), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		vision, text string
		code         int
		says         string
	}{
		"truncated":    {made("truncated.pth", good[:len(good)/2]), text, exitUsage, "truncated.pth"},
		"cut by a bit": {made("cut.pth", good[:len(good)-1]), text, exitUsage, "cut.pth"},
		"spoilt":       {made("spoilt.pth", spoilt), text, exitUsage, "spoilt.pth"},
		"empty":        {made("empty.pth", nil), text, exitUsage, "empty.pth"},
		"malicious":    {made("evil.pth", evil), text, exitUsage, "os.system"},
		"a folder":     {dir, text, exitUsage, dir},
		"swapped":      {text, vision, exitUsage, "this is a text encoder"},
		"of no pair":   {filepath.Join(tiny, "pro", "vision.pth"), made("later.pth", later), exitRefused, "200001"},
	} {
		t.Run(name, func(t *testing.T) {
			refuses(t, c.code, c.says, "model", "convert", "--vision", c.vision, "--text", c.text,
				"--vocab", filepath.Join(tiny, "biolord", "vocab.txt"), "--patch", "64x96x64", "-o", out)
		})
	}
	empty(t, filepath.Dir(out))
}

// repacked is a checkpoint whose pickle was changed, and is whole otherwise.
func repacked(t *testing.T, path string, old, replacement string) []byte {
	t.Helper()
	from, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() //nolint:errcheck // only read
	var out bytes.Buffer
	to := zip.NewWriter(&out)
	for _, f := range from.File {
		data, err := fs.ReadFile(from, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name, "/data.pkl") {
			if !bytes.Contains(data, []byte(old)) {
				t.Fatalf("%s: no %q in its pickle", path, old)
			}
			data = bytes.Replace(data, []byte(old), []byte(replacement), 1)
		}
		w, err := to.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Bundles whose parts are not each other's, or that reach out of their folder.
func TestHostileBundles(t *testing.T) {
	onnxtest.Need(t)
	scan := scanWith(t, t.TempDir(), "scan.nii", func(_, _ []byte) {})
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string, m map[string]any)
		says   string
	}{
		"a file of another folder": {func(_ *testing.T, _ string, m map[string]any) {
			m["files"].(map[string]any)["../../etc/passwd"] = strings.Repeat("0", 64)
		}, "no plain file name"},
		"a network that is none": {func(t *testing.T, dir string, m map[string]any) {
			t.Helper()
			replace(t, dir, m, "decoder.onnx", []byte("not a network"))
		}, "decoder.onnx"},
		"another network in its place": {func(t *testing.T, dir string, m map[string]any) {
			t.Helper()
			other, err := os.ReadFile(filepath.Join(dir, "text.onnx"))
			if err != nil {
				t.Fatal(err)
			}
			replace(t, dir, m, "decoder.onnx", other)
		}, "decoder"},
		"another width": {func(_ *testing.T, _ string, m map[string]any) { m["embedding_width"] = 97 }, "97"},
		"another patch": {func(_ *testing.T, _ string, m map[string]any) { m["patch"] = []int{96, 96, 96} }, "96"},
		"no patch":      {func(_ *testing.T, _ string, m map[string]any) { m["patch"] = []int{0, 0, 0} }, "patch"},
		"a huge patch":  {func(_ *testing.T, _ string, m map[string]any) { m["patch"] = []int{1 << 20, 1 << 20, 1 << 20} }, "patch"},
		"another vocab": {func(t *testing.T, dir string, m map[string]any) {
			t.Helper()
			replace(t, dir, m, "vocab.txt", []byte("a\nb\n"))
		}, "vocab"},
		"a manifest cut": {nil, "manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
			if err := os.CopyFS(dir, os.DirFS("../../models/demo")); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, inference.ManifestFile)
			doc, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.change == nil {
				doc = doc[:len(doc)/2]
			} else {
				m := map[string]any{}
				if err := json.Unmarshal(doc, &m); err != nil {
					t.Fatal(err)
				}
				c.change(t, dir, m)
				if doc, err = json.Marshal(m); err != nil {
					t.Fatal(err)
				}
			}
			write(t, path, doc)
			refuses(t, exitUsage, c.says, "segment", scan, "--model", dir, "--prompt", "heart", "--modality", "ct", "-o", out)
			refuses(t, exitUsage, c.says, "model", "verify", dir)
			empty(t, out)
		})
	}
}

// replace puts a file into a bundle, with its sum.
func replace(t *testing.T, dir string, manifest map[string]any, name string, data []byte) {
	t.Helper()
	write(t, filepath.Join(dir, name), data)
	manifest["files"].(map[string]any)[name] = fmt.Sprintf("%x", sha256.Sum256(data)) //nolint:forcetypeassert // the demo's own
}

// A real inference server that is killed while a scan is with it.
func TestServerDiesInTheMiddle(t *testing.T) {
	server, err := tritontest.Up("../..", "satgraph_demo", "../../models/demo", buildEnv)
	if err != nil {
		tritontest.Missing(t, err)
	}
	kill := sync.OnceValue(server.Kill)
	t.Cleanup(func() { _ = kill() })
	grid := volume.Grid{Shape: [3]int{160, 160, 160}, Affine: volume.Affine{{3, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32(i * 7919 % 1400)
	}
	scan, out := filepath.Join(t.TempDir(), "scan.nii.gz"), filepath.Join(t.TempDir(), "out")
	if err := volume.WriteImage(scan, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "segment", scan, "--prompt", "heart", "--modality", "ct", "--remote", server.HTTP, "-o", out)
	stderr := &watched{at: inference.PhaseWindows, then: func() {
		if err := kill(); err != nil {
			t.Error(err)
		}
	}}
	cmd.Stderr = stderr
	err = cmd.Run()
	if cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("%v: %s", err, stderr.said())
	}
	last := lastLine(stderr.said())
	if !strings.Contains(last, strings.TrimPrefix(server.HTTP, "http://")) || !strings.Contains(last, "check the server") || strings.Contains(stderr.said(), "\ngoroutine ") {
		t.Errorf("it says %s", stderr.said())
	}
	empty(t, out)
}
