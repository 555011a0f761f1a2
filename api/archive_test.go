package api_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satgraph/api"
	"satgraph/jobs/jobtest"
	"satgraph/volume"
)

// slicesOf are the DICOM slices of a CT of 24×24×24 voxels, by name.
func slicesOf(t testing.TB, identity string) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "scan.nii")
	if err := os.WriteFile(path, scan(t, "scan.nii"), 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := volume.ReadImage(path, volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// DICOM has right-handed axes: the first one is turned.
	if im.Affine.Det() < 0 {
		n := im.Shape[0]
		for c := range 3 {
			im.Affine[c][3] += float64(n-1) * im.Affine[c][0]
			im.Affine[c][0] = -im.Affine[c][0]
		}
		im.Header = nil
	}
	folder := t.TempDir()
	if err := volume.WriteSeries(t.Context(), folder, im, volume.SeriesOptions{Identity: identity, Modality: "ct", PatientID: "Doe^Jane"}); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// archive zips files, under a folder's name; change alters each header.
func archive(t testing.TB, folder string, files map[string][]byte, change func(h *zip.FileHeader)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, data := range files {
		h := &zip.FileHeader{Name: folder + name, Method: zip.Deflate}
		if change != nil {
			change(h)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A zip of a series is the scan that it makes, without the name of the person, in
// one request and in pieces, and counts as what is kept.
func TestUploadOfAZippedSeries(t *testing.T) {
	s := start(t, nil)
	files := slicesOf(t, "a")
	files["DICOMDIR"], files[".DS_Store"], files["LIESMICH.TXT"] = []byte("x"), []byte("x"), []byte("Bilder")
	packed := archive(t, "PAT 1/SER 2/", files, nil)
	status, text := s.do(http.MethodPost, "/images", bytes.NewReader(packed), "Content-Type", "application/zip")
	var im api.Image
	if err := json.Unmarshal(text, &im); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	if im.ID != sha(string(packed)) || fmt.Sprint(im.Shape) != "[24 24 24]" || im.DType != "int16" || im.Spacing != [3]float64{3, 3, 3} {
		t.Errorf("got %+v", im)
	}
	kept := s.kept()
	if len(kept) != 1 || kept[0] != im.ID+".nii.gz" {
		t.Fatalf("kept: %v", kept)
	}
	data, err := volume.ReadImage(filepath.Join(s.dir, "images", kept[0]), volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bright := 0
	for _, v := range data.Data {
		if v == 300 {
			bright++
		}
	}
	if bright != 8*8*8 {
		t.Errorf("%d voxels are bright", bright)
	}
	if status, _ := s.do(http.MethodPost, "/images", bytes.NewReader(packed)); status != http.StatusOK {
		t.Errorf("sent again: %d", status)
	}
	a := s.ask(`mutation($i: ID!, $p: [String!]) {segment(image: $i, prompts: $p) {job {id}}}`, map[string]any{"i": im.ID, "p": []string{jobtest.Bright}})
	id, _ := a.at(t, "segment", "job", "id").(string)
	if done := s.ended(id); done.at(t, "job", "status") != "DONE" {
		t.Errorf("the job: %v", done)
	}
	other := archive(t, "", slicesOf(t, "b"), nil)
	path := s.begin(len(other), metadata(other))
	if status, header, text := s.piece(path, 0, other); status != http.StatusNoContent || header.Get("Satgraph-Image") != sha(string(other)) {
		t.Errorf("in pieces: %d %s", status, text)
	}
	if kept := s.kept(); len(kept) != 2 {
		t.Errorf("kept: %v", kept)
	}
	for _, image := range []string{im.ID, sha(string(other))} {
		if status, _ := s.do(http.MethodDelete, "/images/"+image, nil); status != http.StatusNoContent {
			t.Errorf("deleting: %d", status)
		}
	}
	if used := s.api.Used(); used != 0 {
		t.Errorf("%d bytes are counted though nothing is kept", used)
	}
}

// Each attack by an archive is refused with its reason, and nothing of it stays.
func TestHostileArchives(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.Limits.VoxelBytes = 100 << 20 })
	files := slicesOf(t, "a")
	good := archive(t, "", files, nil)
	one := map[string][]byte{"1.dcm": files["00001.dcm"]}
	named := func(name string) []byte {
		return archive(t, "", one, func(h *zip.FileHeader) { h.Name = name })
	}
	zeros := func(mib int) map[string][]byte { return map[string][]byte{"1.dcm": make([]byte, mib<<20)} }
	many := map[string][]byte{}
	for i := range 20_001 {
		many[fmt.Sprint(i)] = nil
	}
	both := slicesOf(t, "b")
	for name, data := range files {
		both["other-"+name] = data
	}
	lying := bytes.Clone(good)
	for at := bytes.Index(lying, []byte("PK\x01\x02")); at < len(lying)-46 && string(lying[at:at+4]) == "PK\x01\x02"; {
		length := 46 + int(lying[at+28]) + int(lying[at+29])<<8 + int(lying[at+30]) + int(lying[at+31])<<8
		copy(lying[at+24:], []byte{10, 0, 0, 0}) // the size of the file, unpacked
		at += length
	}
	broken := bytes.Clone(good)
	for i := len(broken) / 2; i < len(broken)/2+200; i++ {
		broken[i] ^= 0x5a
	}
	for _, c := range []struct {
		name       string
		data       []byte
		code, says string
	}{
		{"a zip bomb by its ratio", archive(t, "", zeros(70), nil), "BAD_ARCHIVE", "times its size"},
		{"a zip bomb by its size", archive(t, "", zeros(101), nil), "TOO_LARGE", "unpacks to more"},
		{"a zip bomb by its count", archive(t, "", many, nil), "BAD_ARCHIVE", "entries"},
		{"a zip in a zip", archive(t, "", map[string][]byte{"1.dcm": good}, nil), "BAD_ARCHIVE", "archive itself"},
		{"a name that leads up", named("a/../../../etc/cron.d/x"), "BAD_ARCHIVE", "leads out"},
		{"a name from the root", named("/etc/passwd"), "BAD_ARCHIVE", "leads out"},
		{"a name with backslashes", named(`..\..\x`), "BAD_ARCHIVE", "leads out"},
		{"a name with a drive", named(`C:\x`), "BAD_ARCHIVE", "leads out"},
		{"a symbolic link", archive(t, "", map[string][]byte{"1.dcm": []byte("/etc/passwd")}, func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }), "BAD_ARCHIVE", "symbolic link"},
		{"a device", archive(t, "", one, func(h *zip.FileHeader) { h.SetMode(fs.ModeDevice | 0o600) }), "BAD_ARCHIVE", "no plain file"},
		{"an encrypted file", func() []byte {
			data := bytes.Clone(good)
			data[bytes.Index(data, []byte("PK\x01\x02"))+8] |= 1
			return data
		}(), "BAD_ARCHIVE", "encrypted"},
		{"another method", func() []byte {
			data := bytes.Clone(good)
			data[bytes.Index(data, []byte("PK\x01\x02"))+10] = 12
			return data
		}(), "BAD_ARCHIVE", "another method"},
		{"sizes that lie", lying, "BAD_ARCHIVE", "damaged"},
		{"cut short", good[:len(good)-100], "BAD_ARCHIVE", "cut short"},
		{"damaged in the middle", broken, "*", ""},
		{"empty", archive(t, "", map[string][]byte{".DS_Store": {1}}, nil), "BAD_ARCHIVE", "no files"},
		{"no DICOM in it", archive(t, "", map[string][]byte{"a.txt": []byte("hello"), "b.txt": []byte("x")}, nil), "UNSUPPORTED_IMAGE", ""},
		{"two series", archive(t, "", both, nil), "UNSUPPORTED_IMAGE", "2 series"},
		{"a slice missing", func() []byte {
			some := slicesOf(t, "a")
			delete(some, "00010.dcm")
			return archive(t, "", some, nil)
		}(), "UNSUPPORTED_IMAGE", ""},
		{"a slice cut short", func() []byte {
			some := slicesOf(t, "a")
			some["00010.dcm"] = some["00010.dcm"][:700]
			return archive(t, "", some, nil)
		}(), "TRUNCATED_FILE", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, inPieces := range []bool{false, true} {
				var status int
				var text []byte
				if inPieces {
					var body string
					status, _, body = s.piece(s.begin(len(c.data), ""), 0, c.data)
					text = []byte(body)
				} else {
					status, text = s.do(http.MethodPost, "/images", bytes.NewReader(c.data), "Content-Type", "application/zip")
				}
				if code := errorCode(t, text); code != c.code && c.code != "*" || status < 400 || status >= 500 || !strings.Contains(string(text), c.says) {
					t.Errorf("%d %s, want %s %q", status, text, c.code, c.says)
				}
			}
			if kept := s.kept(); len(kept) > 0 {
				t.Errorf("left behind: %v", kept)
			}
			if used := s.api.Used(); used != 0 {
				t.Errorf("%d bytes are counted", used)
			}
		})
	}
	// The service goes on.
	if status, text := s.do(http.MethodPost, "/images", bytes.NewReader(good)); status != http.StatusCreated {
		t.Errorf("afterwards: %d %s", status, text)
	}
}

// An upload that sends a byte now and then does not keep its place for ever, nor
// does one whose form never ends.
func TestSlowLorisUploads(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.Limits.UploadStall = 50 * time.Millisecond })
	for name, headers := range map[string][]string{
		"a body": {"Content-Type", "application/octet-stream"},
		"a form": {"Content-Type", "multipart/form-data; boundary=x"},
	} {
		body := &stalled{first: []byte("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.nii\"\r\n\r\n"), done: t.Context().Done()}
		status, text := s.do(http.MethodPost, "/images", body, headers...)
		if status != http.StatusRequestTimeout || errorCode(t, text) != "TIMEOUT" {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	file := scan(t, "scan.nii")
	path := s.begin(len(file), "")
	status, _, text := s.exchange(http.MethodPatch, path, io.LimitReader(&stalled{first: file[:100], done: t.Context().Done()}, int64(len(file))),
		"Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream", "Upload-Offset", "0")
	if status != http.StatusRequestTimeout || errorCode(t, text) != "TIMEOUT" {
		t.Errorf("a piece: %d %s", status, text)
	}
	// Their places are free again.
	if status, text := s.do(http.MethodPost, "/images", bytes.NewReader(file)); status != http.StatusCreated {
		t.Errorf("afterwards: %d %s", status, text)
	}
}

// Forms that are malformed are refused, each with a code, and leave nothing.
func TestMalformedForms(t *testing.T) {
	s := start(t, nil)
	const kind = "multipart/form-data; boundary=x"
	for _, c := range []struct{ name, mediaType, body string }{
		{"no boundary", "multipart/form-data", "--x\r\n\r\n"},
		{"another boundary", kind, "--y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--y--\r\n"},
		{"nothing", kind, ""},
		{"no part", kind, "--x--\r\n"},
		{"no file", kind, "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--x--\r\n"},
		{"headers that are none", kind, "--x\r\nthis is no header\r\n\r\nx\r\n--x--\r\n"},
		{"headers without end", kind, "--x\r\n" + strings.Repeat("A: b\r\n", 20_000)},
		{"a header without end", kind, "--x\r\nContent-Disposition: " + strings.Repeat("a", 1<<20)},
		{"fields without end", kind, strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n", 50)},
		{"a file that breaks off", kind, "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.nii\"\r\n\r\nabc"},
		{"a form in a form", kind, "--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n--y--\r\n--x--\r\n"},
	} {
		status, text := s.do(http.MethodPost, "/images", strings.NewReader(c.body), "Content-Type", c.mediaType)
		if status < 400 || status >= 500 || errorCode(t, text) == "" || errorCode(t, text) == "INTERNAL" {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
		if kept := s.kept(); len(kept) > 0 {
			t.Errorf("%s: left behind: %v", c.name, kept)
		}
	}
}
