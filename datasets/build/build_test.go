package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"satgraph/datasets/standard"
	"satgraph/volume"
)

// folder is a source of generated files: DIR/DATASET/ID.nii.gz with the label
// map ID.seg.nii.gz, whose value v is the class "class v".
type folder struct{ dir string }

func (f folder) Scans(context.Context) iter.Seq2[Scan, error] {
	return func(yield func(Scan, error) bool) {
		images, err := filepath.Glob(filepath.Join(f.dir, "*", "*.seg.nii.gz"))
		if err != nil {
			yield(nil, err)
			return
		}
		for _, path := range images {
			id := strings.TrimSuffix(filepath.Base(path), ".seg.nii.gz")
			if !yield(&file{filepath.Dir(path), id}, nil) {
				return
			}
		}
	}
}

type file struct{ dir, id string }

func (f *file) path(ext string) string { return filepath.Join(f.dir, f.id+ext) }

func (f *file) Origin() standard.Origin {
	return standard.Origin{
		Dataset: filepath.Base(f.dir), ID: f.id, Modality: "ct", Image: f.id + ".nii.gz",
		Masks: []string{f.id + ".seg.nii.gz"}, Recipe: "by value",
	}
}

func (f *file) Files() []File {
	return []File{{"image", f.path(".nii.gz")}, {"masks", f.path(".seg.nii.gz")}}
}

func (f *file) Read(context.Context) (*Voxels, error) {
	im, err := volume.ReadImage(f.path(".nii.gz"), volume.ReadOptions{})
	return &Voxels{Image: im}, err
}

func (f *file) Masks(_ context.Context, add func(string, *volume.Bits) error) error {
	m, err := volume.ReadLabelMap(f.path(".seg.nii.gz"), volume.ReadOptions{})
	if err != nil {
		return err
	}
	for _, v := range m.Values() {
		if err := add(fmt.Sprint("class ", v), volume.BitsOf(m.Mask(v))); err != nil {
			return err
		}
	}
	return nil
}

// generate writes n scans.
func generate(t testing.TB, n, size int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		write(t, dir, fmt.Sprintf("set%d", i%3), fmt.Sprintf("scan %d", i), size, uint64(i))
	}
	return dir
}

func write(t testing.TB, dir, dataset, id string, size int, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	g := volume.Grid{Shape: [3]int{size, size + 3, size / 2}, Affine: volume.Affine{{-0.8, 0, 0, 9}, {0, 0, 2.5, -1}, {0, 1.1, 0, 4}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	lm := &volume.LabelMap{Grid: g, Data: make([]uint16, g.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32(rng.IntN(1000) - 200)
		lm.Data[i] = uint16(i / (g.Voxels()/5 + 1))
	}
	folder := filepath.Join(dir, dataset)
	if err := errors.Join(os.MkdirAll(folder, 0o750),
		volume.WriteImage(filepath.Join(folder, id+".nii.gz"), im, volume.Int16),
		volume.WriteLabelMap(filepath.Join(folder, id+".seg.nii.gz"), lm)); err != nil {
		t.Fatal(err)
	}
}

func options(dir string) Options {
	return Options{Dir: dir, Settings: standard.SAT(), Workers: 2}
}

func mustRun(t *testing.T, from Source, o Options) *Report {
	t.Helper()
	r, err := Run(context.Background(), from, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// check verifies every scan of a corpus and that nothing else is left.
func check(t *testing.T, dir string) *Corpus {
	t.Helper()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, e := range c.Scans {
		s, err := c.Scan(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(); err != nil {
			t.Error(err)
		}
		if s.Digest() != e.Digest || s.Image != e.Image {
			t.Errorf("%s: the manifest has another digest than the record", e.Name())
		}
		want = append(want, e.Folder)
	}
	var got []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		parts := strings.Split(filepath.ToSlash(rel), "/")
		if d.IsDir() && len(parts) == 3 {
			got = append(got, filepath.ToSlash(rel))
		}
		if len(parts) == 1 && !slices.Contains([]string{".", manifestFile, versionFile, scansDir, lockFile}, rel) || strings.HasSuffix(path, ".tmp") {
			t.Errorf("%s is left", rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("folders %v, the manifest has %v", got, want)
	}
	return c
}

func TestBuildAndBuildAgain(t *testing.T) {
	from, dir := generate(t, 7, 24), t.TempDir()
	var last Progress
	o := options(dir)
	o.Progress = func(p Progress) { last = p }
	first := mustRun(t, folder{from}, o)
	if first.Built != 7 || first.Scans != 7 || len(first.Failures) != 0 || first.Version.Scans != 7 {
		t.Errorf("%+v", first)
	}
	if last.Built != 7 || last.Left != 0 {
		t.Errorf("progress ended with %+v", last)
	}
	check(t, dir)

	again := mustRun(t, folder{from}, o)
	if again.Unchanged != 7 || again.Built != 0 || again.Version.Hash != first.Version.Hash {
		t.Errorf("again: %+v", again)
	}
	// Elsewhere, with another number of workers, later: the same content.
	o.Dir, o.Workers = t.TempDir(), 1
	if other := mustRun(t, folder{from}, o); other.Version.Hash != first.Version.Hash {
		t.Error("another build of the same has another hash")
	}

	// One scan changes, one is new, one is gone.
	o.Dir = dir
	write(t, from, "set0", "scan 0", 24, 99)
	write(t, from, "new", "scan 7", 24, 7)
	if err := os.Remove(filepath.Join(from, "set1", "scan 1.seg.nii.gz")); err != nil {
		t.Fatal(err)
	}
	changed := mustRun(t, folder{from}, o)
	if changed.Built != 2 || changed.Unchanged != 5 || changed.Elsewhere != 1 || changed.Version.Scans != 8 || changed.Version.Hash == first.Version.Hash {
		t.Errorf("changed: %+v", changed)
	}
	check(t, dir)
	o.Prune = true
	if pruned := mustRun(t, folder{from}, o); pruned.Pruned != 1 || pruned.Version.Scans != 7 {
		t.Errorf("pruned: %+v", pruned)
	}
	check(t, dir)

	// Other settings: all anew.
	o.Settings.Spacing = [3]float64{2, 2, 2}
	if r := mustRun(t, folder{from}, o); r.Built != 7 || r.Version.Settings != o.Settings {
		t.Errorf("other settings: %+v", r)
	}
	check(t, dir)

	// A file touched is hashed and found to be the same; a scan whose folder is
	// damaged is built again.
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := errors.Join(os.Chtimes(filepath.Join(from, "set0", "scan 3.nii.gz"), later, later),
		os.Remove(filepath.Join(dir, c.Scans[0].Folder, standard.RecordFile))); err != nil {
		t.Fatal(err)
	}
	if r := mustRun(t, folder{from}, o); r.Built != 1 || r.Unchanged != 6 || r.Version.Hash != c.Version.Hash {
		t.Errorf("touched and damaged: %+v", r)
	}
	check(t, dir)
}

// What is damaged in a corpus is built again: what is missing or cut short as soon
// as it is met, a flipped bit when all is read.
func TestDamageIsBuiltAgain(t *testing.T) {
	from, dir := generate(t, 2, 20), t.TempDir()
	o := options(dir)
	first := mustRun(t, folder{from}, o)
	at := func(name string) string { return filepath.Join(dir, check(t, dir).Scans[0].Folder, name) }
	flip := func(path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b[len(b)/2] ^= 1
		return os.WriteFile(path, b, 0o600)
	}
	for name, tc := range map[string]struct {
		damage func() error
		rehash bool
	}{
		"no masks":         {damage: func() error { return os.Remove(at(standard.MasksFile)) }},
		"no image":         {damage: func() error { return os.Remove(at(standard.ImageFile)) }},
		"masks cut short":  {damage: func() error { return os.Truncate(at(standard.MasksFile), 90) }},
		"image cut short":  {damage: func() error { return os.Truncate(at(standard.ImageFile), 900) }},
		"a record of none": {damage: func() error { return os.WriteFile(at(standard.RecordFile), []byte("{}"), 0o600) }},
		"a bit of masks":   {func() error { return flip(at(standard.MasksFile)) }, true},
		"a bit of image":   {func() error { return flip(at(standard.ImageFile)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tc.damage(); err != nil {
				t.Fatal(err)
			}
			o.Rehash = tc.rehash
			if r := mustRun(t, folder{from}, o); r.Built != 1 || r.Unchanged != 1 || r.Version.Hash != first.Version.Hash {
				t.Errorf("%+v", r)
			}
			check(t, dir)
		})
	}
}

// Where a source can't be read for a day, what was built of it is not lost.
func TestSourceIsAwayForADay(t *testing.T) {
	from, dir := generate(t, 4, 20), t.TempDir()
	first := mustRun(t, folder{from}, options(dir))
	away := list{}
	for i := range 4 {
		away = append(away, &file{filepath.Join(from, "away", fmt.Sprintf("set%d", i%3)), fmt.Sprintf("scan %d", i)})
	}
	r := mustRun(t, away, options(dir))
	if len(r.Failures) != 4 || r.Version.Scans != 0 || r.Built != 0 {
		t.Errorf("away: %+v", r)
	}
	if r = mustRun(t, folder{from}, options(dir)); r.Unchanged != 4 || r.Built != 0 || r.Version.Hash != first.Version.Hash {
		t.Errorf("back: %+v", r)
	}
	check(t, dir)

	// What has changed meanwhile is built anew, and the old is removed.
	for i := range away { // as a source says it that can't even list a scan's files
		away[i] = &lost{*away[i].(*file)}
	}
	mustRun(t, away, options(dir))
	write(t, from, "set0", "scan 0", 20, 99)
	if r = mustRun(t, folder{from}, options(dir)); r.Unchanged != 3 || r.Built != 1 {
		t.Errorf("back and changed: %+v", r)
	}
	check(t, dir)

	// So it is where it is away, not listed, and pruned.
	mustRun(t, away, options(dir))
	o := options(dir)
	o.Prune = true
	if r = mustRun(t, list{}, o); r.Pruned != 4 {
		t.Errorf("pruned: %+v", r)
	}
	check(t, dir)
}

// lost is a scan whose files are not known, and can't be read.
type lost struct{ file }

func (*lost) Files() []File { return nil }

// list is a source of scans and errors.
type list []Scan

func (l list) Scans(context.Context) iter.Seq2[Scan, error] {
	return func(yield func(Scan, error) bool) {
		for _, s := range l {
			var err error
			if b, ok := s.(*broken); ok {
				err = b.listed
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// broken is a scan with a fault.
type broken struct {
	file
	origin func(*standard.Origin)
	image  func() (*volume.Image, error)
	masks  func(add func(string, *volume.Bits) error) error
	listed error
}

func (b *broken) Origin() standard.Origin {
	o := b.file.Origin()
	if b.origin != nil {
		b.origin(&o)
	}
	return o
}

func (b *broken) Read(ctx context.Context) (*Voxels, error) {
	if b.image != nil {
		im, err := b.image()
		return &Voxels{Image: im}, err
	}
	return b.file.Read(ctx)
}

func (b *broken) Masks(ctx context.Context, add func(string, *volume.Bits) error) error {
	if b.masks != nil {
		return b.masks(add)
	}
	return b.file.Masks(ctx, add)
}

func TestFailingScansAreListed(t *testing.T) {
	from, dir := generate(t, 6, 20), t.TempDir()
	at := func(i int) file {
		return file{filepath.Join(from, fmt.Sprintf("set%d", i%3)), fmt.Sprintf("scan %d", i)}
	}
	good := at(0)
	cut := at(1)
	b, err := os.ReadFile(cut.path(".nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut.path(".nii.gz"), b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	other := volume.Grid{Shape: [3]int{3, 3, 3}, Affine: volume.Identity()}
	scans := list{
		&good, &good, &cut,
		&broken{file: at(2), image: func() (*volume.Image, error) { return nil, fs.ErrNotExist }},
		&broken{file: at(3), masks: func(add func(string, *volume.Bits) error) error { return add("a", volume.NewBits(other)) }},
		&broken{file: at(4), masks: func(func(string, *volume.Bits) error) error { return nil }},
		&broken{file: at(5), masks: func(func(string, *volume.Bits) error) error { panic("no such value") }},
		&broken{file: file{from, "gone"}},
		&broken{file: file{filepath.Join(from, "set0"), "layout"}, listed: errors.New("another version's layout")},
		&broken{file: at(5), origin: func(o *standard.Origin) { o.ID = ".." }},
	}
	r := mustRun(t, scans, options(dir))
	want := map[string][]string{
		"set0/scan 0":                 {ErrTwice.Error()},
		"set1/scan 1":                 {"truncated"},
		"set2/scan 2":                 {"not exist"},
		"set0/scan 3":                 {standard.ErrOtherGrid.Error(), `class "a"`},
		"set1/scan 4":                 {ErrNoClasses.Error()},
		"set2/scan 5":                 {"internal error", "no such value"},
		filepath.Base(from) + "/gone": {"no such file"},
		"set0/layout":                 {"another version's layout"},
		"set2/..":                     {ErrName.Error()},
	}
	if r.Built != 1 || r.Scans != len(scans) || len(r.Failures) != len(want) {
		t.Errorf("%+v", r)
	}
	for _, f := range r.Failures {
		for _, w := range want[f.Scan] {
			if !strings.Contains(f.Reason, w) {
				t.Errorf("%s: %s, want %q", f.Scan, f.Reason, w)
			}
		}
		if want[f.Scan] == nil {
			t.Errorf("unexpected: %+v", f)
		}
	}
	check(t, dir)

	// Mended, the second run finishes it.
	if err := os.WriteFile(cut.path(".nii.gz"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, versionFile)); err != nil {
		t.Fatal(err)
	}
	mended := mustRun(t, folder{from}, options(dir))
	whole := mustRun(t, folder{from}, options(t.TempDir()))
	if mended.Built != 5 || mended.Unchanged != 1 || mended.Elsewhere != 2 || mended.Version.Hash != whole.Version.Hash {
		t.Errorf("mended: %+v; a whole build: %+v", mended, whole.Version)
	}
	check(t, dir)
}

func TestSourceThatFails(t *testing.T) {
	bad := errors.New("no such folder")
	_, err := Run(context.Background(), failing{bad}, options(t.TempDir()))
	if !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Scans(context.Context) iter.Seq2[Scan, error] {
	return func(yield func(Scan, error) bool) { yield(nil, f.err) }
}

func TestCancelAndBusy(t *testing.T) {
	from, dir := generate(t, 6, 20), t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	o := options(dir)
	o.Workers = 1
	o.Progress = func(Progress) {
		if _, err := Run(context.Background(), folder{from}, options(dir)); !errors.Is(err, ErrBusy) {
			t.Errorf("a second build at a time: %v", err)
		}
		cancel()
	}
	r, err := Run(ctx, folder{from}, o)
	if !errors.Is(err, context.Canceled) || r.Built == 0 || r.Built == 6 || r.Version != nil {
		t.Errorf("%v, %+v", err, r)
	}
	rest := mustRun(t, folder{from}, options(dir))
	if rest.Built+rest.Unchanged != 6 || rest.Unchanged < r.Built {
		t.Errorf("after %d: %+v", r.Built, rest)
	}
	check(t, dir)
}

func TestManifest(t *testing.T) {
	good := `{"dataset":"a","id":"1","status":"done","folder":"scans/a/1"}` + "\n"
	for name, c := range map[string]struct {
		text string
		n    int
		end  int
		want error
	}{
		"empty":          {"", 0, 0, nil},
		"torn last line": {good + `{"dataset":"a","id":"2","sta`, 1, len(good), nil},
		"later counts":   {good + good, 1, 2 * len(good), nil},
		"torn within":    {"{\"datas\n" + good, 0, 0, ErrManifest},
		"folder outside": {`{"dataset":"a","id":"1","folder":"../../etc"}` + "\n", 0, 0, ErrManifest},
		"long line":      {`{"dataset":"` + strings.Repeat("x", 3<<20) + `"}` + "\n", 1, 3<<20 + 15, nil},
		"endless line":   {strings.Repeat("x", maxLine+1<<21), 0, 0, ErrManifest},
	} {
		entries, end, err := readManifest(strings.NewReader(c.text))
		if !errors.Is(err, c.want) || len(entries) != c.n || end != int64(c.end) {
			t.Errorf("%s: %d entries to %d, %v", name, len(entries), end, err)
		}
	}
}

// asProcess is set where the test binary is to build, for tests that kill it.
const asProcess = "SATGRAPH_BUILD_TEST"

func TestMain(m *testing.M) {
	if args := os.Getenv(asProcess); args != "" {
		var dirs [2]string
		if err := json.Unmarshal([]byte(args), &dirs); err != nil {
			panic(err)
		}
		r, err := Run(context.Background(), folder{dirs[0]}, options(dirs[1]))
		if err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		fmt.Println(r.Version.Hash)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func process(t *testing.T, from, dir string, before ...string) *exec.Cmd {
	t.Helper()
	args, err := json.Marshal([2]string{from, dir})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := append(slices.Clone(before), self)
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), asProcess+"="+string(args))
	return cmd
}

// kill -9 at ten random moments, and the same corpus in the end.
func TestKilledTenTimes(t *testing.T) {
	from, dir := generate(t, 24, 64), t.TempDir()
	start := time.Now()
	whole := mustRun(t, folder{from}, options(t.TempDir()))
	took := time.Since(start)
	kills := 0
	for range 10 {
		cmd := process(t, from, dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Early enough that work is left for the next.
		time.Sleep(time.Duration(rand.Int64N(int64(took)/4)) + 10*time.Millisecond)
		_ = cmd.Process.Kill() // it may have ended
		if cmd.Wait() != nil {
			kills++
		}
	}
	out, err := process(t, from, dir).Output()
	if err != nil {
		t.Fatal(err, string(out))
	}
	if got := strings.TrimSpace(string(out)); got != whole.Version.Hash {
		t.Errorf("hash %s, want %s", got, whole.Version.Hash)
	}
	if kills < 5 {
		t.Errorf("only %d of ten builds were alive to be killed", kills)
	}
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d builds killed; %d lines for 24 scans", kills, bytes.Count(text, []byte("\n")))
	check(t, dir)
}

// A disk that is full: the build ends with the system's error and goes on when
// there is room.
func TestDiskFull(t *testing.T) {
	from, dir := generate(t, 8, 64), t.TempDir()
	whole := mustRun(t, folder{from}, options(t.TempDir()))
	// A small file system of its own, where the system allows it to users.
	const script = `mount -t tmpfs -o size=2m none "$1" || exit 77
"$0" && exit 78
find "$1" -mindepth 1 -name '*.tmp*' | grep . && exit 79
mount -o remount,size=200m "$1" && "$0"`
	cmd := process(t, from, dir, "unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script)
	cmd.Args = append(cmd.Args, dir)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 78 {
		t.Fatalf("%v: %s", err, out)
	}
	if err != nil {
		t.Skipf("no file system of one's own here: %v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], syscall.ENOSPC.Error()) || lines[1] != whole.Version.Hash {
		t.Errorf("it said %s; want a full disk, then %s", out, whole.Version.Hash)
	}
}
