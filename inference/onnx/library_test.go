package onnx

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestNewEnough(t *testing.T) {
	for version, want := range map[string]bool{
		"1.24.0": true, "1.24.4": true, "1.100.0": true, "2.0.0": true, "1.24": true,
		"1.23.2": false, "0.30.0": false, "": false, "1": false, "x.y": false,
	} {
		if got := newEnough(version); got != want {
			t.Errorf("newEnough(%q) = %v", version, got)
		}
	}
}

// fakeLibrary compiles a library that is an ONNX Runtime of some version as far
// as one can see without starting it.
func fakeLibrary(t *testing.T, path, version string) {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("libraries are asked for their version on Linux and macOS only")
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	source := filepath.Join(t.TempDir(), "fake.c")
	code := `static const char *version(void) { return "` + version + `"; }
static const void *api(unsigned n) { (void)n; return 0; }
static const struct { const void *(*a)(unsigned); const char *(*v)(void); } base = { api, version };
const void *OrtGetApiBase(void) { return &base; }
`
	if err := os.WriteFile(source, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), cc, "-shared", "-fPIC", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestFindLibraryRefuses(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "libonnxruntime.so.1.23.2")
	fakeLibrary(t, old, "1.23.2")
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path string
		want error
		says string
	}{
		"too old":       {old, ErrLibraryTooOld, "1.23.2 is too old"},
		"absent":        {filepath.Join(dir, "nothing.so"), ErrNoLibrary, "no such file"},
		"a folder":      {dir, ErrNoLibrary, ""},
		"not a library": {text, ErrNoLibrary, "text.so"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(LibraryEnv, c.path)
			_, err := FindLibrary()
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			var lib *LibraryError
			if !errors.As(err, &lib) || lib.Path != c.path {
				t.Errorf("%v does not name %s", err, c.path)
			}
			for _, want := range []string{c.says, "scripts/onnxruntime.sh", LibraryEnv} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has more than one line", err)
			}
		})
	}
}

// The cache that scripts/onnxruntime.sh fills is found without being told; an
// older version in it is passed by.
func TestFindLibraryInTheCache(t *testing.T) {
	cache := t.TempDir()
	t.Setenv(LibraryEnv, "")
	t.Setenv("XDG_CACHE_HOME", cache)
	name := "libonnxruntime.so."
	suffix := ""
	if runtime.GOOS == "darwin" {
		name, suffix = "libonnxruntime.", ".dylib"
	}
	for _, version := range []string{"1.9.0", "1.24.4", "1.30.1"} {
		dir := filepath.Join(cache, "satgraph", "onnxruntime", version)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		fakeLibrary(t, filepath.Join(dir, name+version+suffix), version)
	}
	lib, err := FindLibrary()
	if err != nil {
		t.Fatal(err)
	}
	if lib.Version != "1.30.1" || !strings.HasPrefix(lib.Path, cache) {
		t.Errorf("found %v", lib)
	}
}

func TestStart(t *testing.T) {
	needLibrary(t)
	first, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Start()
	if err != nil || again != first || !newEnough(first.Version) {
		t.Errorf("%v, then %v, %v", first, again, err)
	}
}
