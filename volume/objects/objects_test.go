package objects_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"satgraph/internal/sharedtest"
	"satgraph/volume"
	"satgraph/volume/objects"
	"satgraph/volume/objects/objectstest"
)

func open(t *testing.T, o objects.Options) *objects.Store {
	t.Helper()
	s, err := objects.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func take(t *testing.T, s *objects.Store, name string) string {
	t.Helper()
	plain, err := s.Take(name)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// random bytes that are the same each time.
func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

// A folder of a bucket is read as one of the disk is, streamed and through a
// cache, over S3's protocol and by a file URL.
func TestAsOnDisk(t *testing.T) {
	dir := t.TempDir()
	large := random(3<<20 + 17)
	for name, content := range map[string][]byte{"a/one.bin": large, "a/b/two.bin": {1, 2, 3}, "a/empty": nil, "top": []byte("x")} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o750), os.WriteFile(filepath.Join(dir, name), content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	server := objectstest.New(t)
	server.PutFolder("data/", dir)
	for name, o := range map[string]objects.Options{"stream": {}, "cache": {CacheDir: filepath.Join(t.TempDir(), "cache"), CacheBytes: 10 << 20}} {
		for kind, url := range map[string]string{"s3": server.URL("data"), "file": "file://" + filepath.ToSlash(dir)} {
			t.Run(name+" "+kind, func(t *testing.T) {
				s := open(t, o)
				root := take(t, s, url)
				var same func(at string)
				same = func(at string) {
					got, err := s.ReadDir(volume.Join(root, at))
					want, _ := os.ReadDir(filepath.Join(dir, at))
					if err != nil || len(got) != len(want) {
						t.Fatalf("%s: %v, %v, want %v", at, got, err, want)
					}
					for i, e := range want {
						if got[i].Name() != e.Name() || got[i].IsDir() != e.IsDir() {
							t.Errorf("%s: %v, want %v", at, got[i], e)
						}
						if e.IsDir() {
							same(at + "/" + e.Name())
						}
					}
				}
				same(".")
				f, err := s.Open(volume.Join(root, "a/one.bin"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close() //nolint:errcheck // read only
				got, err := io.ReadAll(f)
				if err != nil || !bytes.Equal(got, large) {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
				for _, at := range [][2]int{{0, 10}, {1<<20 - 3, 7}, {1 << 20, 2 << 20}, {5, 3 << 20}, {len(large) - 4, 4}} {
					p := make([]byte, at[1])
					if n, err := f.ReadAt(p, int64(at[0])); n != at[1] || err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(p, large[at[0]:at[0]+at[1]]) {
						t.Errorf("at %v: %d, %v", at, n, err)
					}
				}
				if n, err := f.ReadAt(make([]byte, 9), int64(len(large)-4)); n != 4 || !errors.Is(err, io.EOF) {
					t.Errorf("over the end: %d, %v", n, err)
				}
				if fi, err := s.Stat(volume.Join(root, "a")); err != nil || !fi.IsDir() {
					t.Errorf("folder: %v, %v", fi, err)
				}
				for _, missing := range []string{"a/none", "none", "a/one.bin/x"} {
					if _, err := s.Stat(volume.Join(root, missing)); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("%s: %v", missing, err)
					}
				}
			})
		}
	}
}

// Real scans of every kind of file come out of a bucket as from the disk.
func TestScans(t *testing.T) {
	dir := sharedtest.Path(t, "data")
	server := objectstest.New(t)
	server.PutFolder("", dir)
	small := []string{"real-mr", "odd-nifti", "odd-dicom"}
	for name, c := range map[string]struct {
		options objects.Options
		folders []string
	}{
		"stream": {objects.Options{}, append(small, "real-ct", "real-ct-dicom", "real-ct-heart")},
		"cache":  {objects.Options{CacheDir: t.TempDir(), CacheBytes: 1 << 30}, small},
	} {
		s := open(t, c.options)
		root := take(t, s, server.URL(""))
		read := 0
		for _, folder := range c.folders {
			entries, err := os.ReadDir(filepath.Join(dir, folder))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				at := folder + "/" + e.Name()
				want, wantErr := volume.ReadImage(filepath.Join(dir, at), volume.ReadOptions{})
				got, gotErr := volume.ReadImage(volume.Join(root, at), volume.ReadOptions{Files: s})
				if (wantErr == nil) != (gotErr == nil) {
					t.Errorf("%s %s: %v, from the disk %v", name, at, gotErr, wantErr)
					continue
				}
				if wantErr != nil {
					continue
				}
				read++
				if got.Grid != want.Grid || !sameBits(got.Data, want.Data) {
					t.Errorf("%s %s: other voxels", name, at)
				}
			}
		}
		if read < len(c.folders) {
			t.Errorf("%s: only %d scans were read", name, read)
		}
	}
}

// sameBits compares voxels, NaNs among them.
func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// What goes wrong has its name.
func TestFaults(t *testing.T) {
	content := random(2 << 20)
	for name, o := range map[string]objects.Options{"stream": {}, "cache": {CacheDir: t.TempDir(), CacheBytes: 10 << 20}} {
		server := objectstest.New(t)
		server.Put("scan", content)
		readAll := func(s *objects.Store, at string) error {
			f, err := s.Open(at)
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // read only
			_, err = io.Copy(io.Discard, f)
			return err
		}
		t.Run(name+" cut", func(t *testing.T) {
			s := open(t, o)
			server.Cut.Store(1 << 20)
			defer server.Cut.Store(0)
			if err := readAll(s, take(t, s, server.URL("scan"))); !errors.Is(err, objects.ErrCut) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
			if _, held := s.Usage(); held != 0 {
				t.Errorf("%d bytes stay in the cache", held)
			}
		})
		t.Run(name+" changed", func(t *testing.T) {
			s := open(t, o)
			at := take(t, s, server.URL("scan"))
			if err := readAll(s, at); err != nil {
				t.Fatal(err)
			}
			other := bytes.Clone(content)
			other[7]++ // same size, and within a second
			server.Put("scan", other)
			if err := readAll(s, at); !errors.Is(err, objects.ErrChanged) {
				t.Errorf("between readings: %v", err)
			}
			s = open(t, o)
			at = take(t, s, server.URL("scan"))
			change := func() { server.Put("scan", content) }
			server.AfterHead.Store(&change)
			if err := readAll(s, at); !errors.Is(err, objects.ErrChanged) {
				t.Errorf("between look and reading: %v", err)
			}
		})
		t.Run(name+" vanished", func(t *testing.T) {
			s := open(t, o)
			at := take(t, s, server.URL("gone"))
			server.Put("gone", content)
			if _, err := s.Stat(at); err != nil {
				t.Fatal(err)
			}
			server.Delete("gone")
			if err := readAll(s, at); !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
		t.Run(name+" refused", func(t *testing.T) {
			s := open(t, o)
			server.Refuse.Store(true)
			defer server.Refuse.Store(false)
			at := take(t, s, server.URL("scan"))
			_, list := s.ReadDir(take(t, s, server.URL("")))
			for _, err := range []error{readAll(s, at), list} {
				if !errors.Is(err, objects.ErrCredentials) {
					t.Error(err)
				}
			}
		})
		t.Run(name+" no credentials", func(t *testing.T) {
			for _, key := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
				t.Setenv(key, "")
			}
			s := open(t, o)
			if err := readAll(s, take(t, s, server.URL("scan"))); !errors.Is(err, objects.ErrCredentials) {
				t.Error(err)
			}
		})
		t.Run(name+" cancelled", func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			s, err := objects.New(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			at := take(t, s, server.URL("scan"))
			stop()
			if err := readAll(s, at); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	t.Setenv("AZURE_STORAGE_ACCOUNT", "")
	for url, want := range map[string]error{
		"azblob://scans/x": objects.ErrCredentials,
		"ftp://scans/x":    objects.ErrURL, "s3:///x": objects.ErrURL, "s3://me:word@scans/x": objects.ErrURL, "s3://scans?colour=red": objects.ErrURL,
	} {
		if _, err := open(t, objects.Options{}).Take(url); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", url, err, want)
		}
	}
}

// The cache keeps within its bound, forgets what was used least, and copies an
// object once for all who want it.
func TestCache(t *testing.T) {
	server := objectstest.New(t)
	for _, name := range []string{"a", "b", "c"} {
		server.Put(name, random(1<<20))
	}
	server.Put("large", random(3<<20))
	o := objects.Options{CacheDir: t.TempDir(), CacheBytes: 5 << 19}
	s := open(t, o)
	read := func(names ...string) int64 {
		before := server.Gets.Load()
		var group sync.WaitGroup
		for _, name := range names {
			group.Go(func() {
				f, err := s.Open(take(t, s, server.URL(name)))
				if err != nil {
					t.Error(err)
					return
				}
				defer f.Close() //nolint:errcheck // read only
				if n, err := io.Copy(io.Discard, f); err != nil || n < 1<<20 {
					t.Error(n, err)
				}
			})
		}
		group.Wait()
		if _, held := s.Usage(); held > o.CacheBytes {
			t.Errorf("%d bytes held", held)
		}
		return server.Gets.Load() - before
	}
	for i, step := range []struct {
		names []string
		gets  int64
	}{
		{[]string{"a", "a", "a"}, 1},
		{[]string{"b"}, 1},
		{[]string{"a"}, 0},
		{[]string{"c"}, 1}, // takes b's place
		{[]string{"a"}, 0},
		{[]string{"b"}, 1},
		{[]string{"large"}, 1},
		{[]string{"large"}, 1}, // streamed
	} {
		if got := read(step.names...); got != step.gets {
			t.Errorf("step %d, %v: %d requests, want %d", i, step.names, got, step.gets)
		}
	}
	again := open(t, o) // another process finds the copies
	if _, held := again.Usage(); held != 2<<20 {
		t.Errorf("%d bytes found", held)
	}
}
