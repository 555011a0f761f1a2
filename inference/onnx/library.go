package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// LibraryEnv names the environment variable that says which ONNX Runtime
// library to load. When it is set no other is looked for.
const LibraryEnv = "SATGRAPH_ONNXRUNTIME"

// oldest is the first release that has the C API (24) the bindings need.
var oldest = [2]int{1, 24}

// Errors of finding the library.
var (
	// ErrNoLibrary: no ONNX Runtime library was found, or it cannot be loaded.
	ErrNoLibrary = errors.New("no usable ONNX Runtime library")
	// ErrLibraryTooOld: there is one, and it is too old. The message names its
	// version.
	ErrLibraryTooOld = errors.New("the ONNX Runtime library is too old")
)

// LibraryError says in one line why no ONNX Runtime can be used, and what to
// do. It wraps ErrNoLibrary or ErrLibraryTooOld.
type LibraryError struct {
	Path    string // of the library at fault; empty when none was found
	Problem string
	Err     error
}

func (e *LibraryError) Error() string {
	s := e.Err.Error()
	if e.Path != "" {
		s += " (" + e.Path + ")"
	}
	if e.Problem != "" {
		s += ": " + e.Problem
	}
	return s + "; run scripts/onnxruntime.sh, or set " + LibraryEnv + " to the library of ONNX Runtime 1.24 or newer"
}

// Unwrap gives the sentinel.
func (e *LibraryError) Unwrap() error { return e.Err }

// Library is a found ONNX Runtime.
type Library struct {
	Path    string
	Version string // as the library itself says, "1.24.4"
}

// String gives version and path.
func (l Library) String() string { return l.Version + " (" + l.Path + ")" }

// environment is ONNX Runtime's own: there is one to a process, and it stays.
var environment struct {
	sync.Mutex
	ready   bool
	library Library
}

// Start finds the library and starts ONNX Runtime, once per process; a failure
// may be tried again. Open calls it. The errors are ErrNoLibrary and
// ErrLibraryTooOld, in one line that says what to do.
func Start() (Library, error) {
	environment.Lock()
	defer environment.Unlock()
	if environment.ready {
		return environment.library, nil
	}
	lib, err := FindLibrary()
	if err != nil {
		return Library{}, err
	}
	returnMemory()
	ort.SetSharedLibraryPath(lib.Path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return Library{}, &LibraryError{lib.Path, oneLine(err), ErrNoLibrary}
	}
	environment.ready, environment.library = true, lib
	return lib, nil
}

// FindLibrary looks for an ONNX Runtime library that is new enough:
// $SATGRAPH_ONNXRUNTIME and nothing else if that is set; else beside the
// program, in the cache that scripts/onnxruntime.sh fills, in the site-packages
// of Python, and where the system keeps libraries. Too old ones are passed by;
// if there are only such, the error is ErrLibraryTooOld.
func FindLibrary() (Library, error) {
	if path := os.Getenv(LibraryEnv); path != "" {
		return check(path)
	}
	var tooOld error
	for _, path := range candidates() {
		lib, err := check(path)
		if err == nil {
			return lib, nil
		}
		if tooOld == nil && errors.Is(err, ErrLibraryTooOld) {
			tooOld = err
		}
	}
	if tooOld != nil {
		return Library{}, tooOld
	}
	return Library{}, &LibraryError{Problem: "none was found", Err: ErrNoLibrary}
}

// check loads a library far enough to ask its version, without starting it.
func check(path string) (Library, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return Library{}, &LibraryError{path, oneLine(err), ErrNoLibrary}
	}
	if info, err := os.Stat(full); err != nil || info.IsDir() {
		return Library{}, &LibraryError{full, "there is no such file", ErrNoLibrary}
	}
	version, err := probe(full)
	if err != nil {
		return Library{}, &LibraryError{full, oneLine(err), ErrNoLibrary}
	}
	if !newEnough(version) {
		return Library{}, &LibraryError{full, fmt.Sprintf("ONNX Runtime %s is too old", version), ErrLibraryTooOld}
	}
	return Library{Path: full, Version: version}, nil
}

func newEnough(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return false
	}
	return major > oldest[0] || major == oldest[0] && minor >= oldest[1]
}

// candidates lists the libraries that are there, in the order of FindLibrary.
func candidates() []string {
	pattern := "libonnxruntime.so*"
	switch runtime.GOOS {
	case "darwin":
		pattern = "libonnxruntime*.dylib"
	case "windows":
		pattern = "onnxruntime.dll"
	}
	var out []string
	add := func(folders ...string) {
		for _, folder := range folders {
			if folder == "" {
				continue
			}
			found, err := filepath.Glob(filepath.Join(folder, pattern))
			if err != nil {
				continue // a folder name that is no pattern
			}
			slices.SortFunc(found, newestFirst)
			out = append(out, found...)
		}
	}
	if exe, err := os.Executable(); err == nil {
		if target, err := filepath.EvalSymlinks(exe); err == nil {
			exe = target
		}
		dir := filepath.Dir(exe)
		add(dir, filepath.Join(dir, "lib"), filepath.Join(dir, "..", "lib"))
	}
	if cache := cacheFolder(); cache != "" {
		versions, err := filepath.Glob(filepath.Join(cache, "satgraph", "onnxruntime", "*"))
		if err == nil {
			slices.SortFunc(versions, newestFirst)
			add(versions...)
		}
	}
	add(pythonFolders()...)
	add(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
	add(
		"/usr/local/lib", "/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
		"/opt/onnxruntime/lib", "/opt/homebrew/lib",
	)
	return out
}

// cacheFolder is where scripts/onnxruntime.sh keeps what it fetches.
func cacheFolder() string {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".cache")
}

// pythonFolders are where pip puts the library of its onnxruntime package.
func pythonFolders() []string {
	roots := []string{os.Getenv("VIRTUAL_ENV"), "/usr/local", "/usr"}
	if home, err := os.UserHomeDir(); err == nil {
		roots = append(roots, filepath.Join(home, ".local"))
	}
	var out []string
	for _, root := range roots {
		if root == "" {
			continue
		}
		for _, packages := range []string{"site-packages", "dist-packages"} {
			found, err := filepath.Glob(filepath.Join(root, "lib", "python3*", packages, "onnxruntime", "capi"))
			if err == nil {
				out = append(out, found...)
			}
		}
	}
	return out
}

// newestFirst compares paths by the numbers in them, the greater first.
func newestFirst(a, b string) int {
	return slices.Compare(numbers(filepath.Base(b)), numbers(filepath.Base(a)))
}

func numbers(s string) []int {
	var out []int
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.Atoi(part); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// oneLine is an error's text without line breaks: the runtime's messages have
// them.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
