package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"satgraph/inference/onnx/onnxtest"
	"satgraph/volume"
)

// onSmallDisk runs the program with a disk of its own at dir, of so many MiB,
// which is gone with the process. It is skipped where none can be mounted.
func onSmallDisk(t *testing.T, dir string, mib int, args ...string) *exec.Cmd {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "unshare", "-Urm", "mount", "-t", "tmpfs", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("user and mount namespaces may not be made here: %v: %s", err, out)
	}
	script := fmt.Sprintf(`mount -t tmpfs -o size=%dm none "$1" && shift && exec "$0" "$@"`, mib)
	return exec.CommandContext(t.Context(), "unshare", append([]string{"-Urm", "sh", "-c", script, program(t).Path, dir}, args...)...)
}

// noisyScan writes a scan that no compression makes smaller.
func noisyScan(t *testing.T, path string, side int) {
	t.Helper()
	grid := volume.Grid{Shape: [3]int{side, side, side}, Affine: volume.Affine{{3, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range im.Data {
		im.Data[i] = float32(noise.IntN(2000)) - 1000
	}
	if err := volume.WriteImage(path, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
}

// listed are the files of a folder that are scans, jobs or records, and none that
// the stores keep open.
func listed(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	for _, part := range []string{"images", "jobs", "uploads"} {
		err := filepath.WalkDir(filepath.Join(dir, "data", part), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && !d.IsDir() {
				all = append(all, strings.TrimPrefix(path, dir))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(all, "\n")
}

// send posts a body, and gives the status and the answer.
func (s *service) send(path, kind, file string) (int, string) {
	s.t.Helper()
	body, err := os.Open(file)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.Post(s.url+path, kind, body) //nolint:noctx // a test
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // a test
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// The disk of a service is full: what needs room is refused by name and leaves
// nothing behind, the rest goes on, and all works once there is room.
func TestServeOnAFullDisk(t *testing.T) {
	onnxtest.Need(t)
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o750); err != nil {
		t.Fatal(err)
	}
	big, small := filepath.Join(dir, "big.nii"), filepath.Join(dir, "small.nii")
	noisyScan(t, big, 320) // 62 MiB
	noisyScan(t, small, 40)
	s := startCommand(t, onSmallDisk(t, disk, 96, "serve", "--addr", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(disk, "tree.db"), "--data", filepath.Join(disk, "data"), "--min-free-disk", "1"))
	root := fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, disk) // the disk as the service sees it
	image := s.upload(small)
	ballast := filepath.Join(root, "ballast")
	fill(t, ballast, 20<<20)
	before := listed(t, root)

	if status, text := s.send("/images", "application/octet-stream", big); status != http.StatusInsufficientStorage || !strings.Contains(text, `"STORAGE_FULL"`) {
		t.Errorf("a scan for which there is no room: %d %s", status, text)
	}
	if after := listed(t, root); after != before {
		t.Errorf("it left behind:\n%s\nbefore:\n%s", after, before)
	}
	fill(t, ballast, 0)
	segment := `mutation { segment(image: "` + image + `", prompts: ["liver"], modality: CT, key: "k") { job { JOB } } }`
	var labels []string
	for i := range 200 { // more than the pages at the store's end hold
		labels = append(labels, fmt.Sprint("liver of patient ", i))
	}
	for what, query := range map[string]string{
		"a job":    strings.Replace(segment, "JOB", "id", 1),
		"a label":  `mutation { importLabels(dataset: "Demo", by: "ann", text: "` + strings.Join(labels, `\n`) + `") { __typename ... on DecisionMistake { code message } } }`,
		"an order": `mutation { standardizeScan(image: "` + image + `", modality: CT) { job { id } } }`,
	} {
		if text := s.exchange(http.MethodPost, "/graphql", `{"query": `+strconv.Quote(query)+`}`); !strings.Contains(text, `"STORAGE_FULL"`) {
			t.Errorf("%s, with no room: %s", what, text)
		}
	}
	if after := listed(t, root); after != before {
		t.Errorf("they left behind:\n%s\nbefore:\n%s", after, before)
	}
	if got := s.heartName(); got != "heart" {
		t.Errorf("the heart is called %q", got)
	}
	if text := s.exchange(http.MethodGet, "/readyz", ""); !strings.Contains(text, `"degraded":["`) || !strings.Contains(text, "disk") {
		t.Errorf("/readyz says %s", text)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.waits("ready, with room", func() bool { return strings.Contains(s.exchange(http.MethodGet, "/readyz", ""), `"degraded":[]`) })
	j := s.ask(segment, "segment")
	for end := time.Now().Add(time.Minute); j.Status == "QUEUED" || j.Status == "RUNNING"; j = s.job(j.ID) {
		if time.Now().After(end) {
			t.Fatalf("it does not end: %+v; %s", j, s.log.said())
		}
		time.Sleep(50 * time.Millisecond)
	}
	if j.Status != "DONE" {
		t.Errorf("got %+v; %s", j, s.log.said())
	}
	if text := s.exchange(http.MethodPost, "/graphql", `{"query": "mutation { importLabels(dataset: \"Demo\", by: \"ann\", text: \"liver of nobody\\n\") { __typename ... on DecisionMistake { code } } }"}`); strings.Contains(text, "errors") || strings.Contains(text, "Mistake\"") {
		t.Errorf("a label, with room: %s", text)
	}
}

// fill writes a file until so many bytes are left on its disk.
func fill(t *testing.T, path string, leave int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was written with no buffer
	for size := 1 << 20; size > 0; {
		var disk syscall.Statfs_t
		if err := syscall.Statfs(path, &disk); err != nil {
			t.Fatal(err)
		}
		if free := int64(disk.Bavail) * disk.Bsize; free <= leave {
			return
		}
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
