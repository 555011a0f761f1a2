package api_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"satgraph/api"
	"satgraph/jobs/jobtest"
)

// kept lists the files of the image store.
func (s *service) kept() []string {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, "images"))
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestUpload(t *testing.T) {
	s := start(t, nil)
	data := scan(t, "scan.nii.gz")
	sum := sha256.Sum256(data)
	id := hex.EncodeToString(sum[:])
	for i, want := range []int{http.StatusCreated, http.StatusOK} {
		status, header, text := s.exchange(http.MethodPost, "/images", bytes.NewReader(data), "Content-Type", "application/gzip")
		var im api.Image
		if err := json.Unmarshal(text, &im); err != nil {
			t.Fatal(err)
		}
		if status != want || header.Get("Location") != "/images/"+id {
			t.Errorf("upload %d: %d, location %q", i+1, status, header.Get("Location"))
		}
		got := fmt.Sprint(im)
		if want := fmt.Sprint(api.Image{ID: id, SHA256: id, Bytes: int64(len(data)), Shape: []int{24, 24, 24}, Spacing: [3]float64{3, 3, 3}, Orientation: "LAS", DType: "int16"}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := s.kept(); !slices.Equal(got, []string{id + ".nii.gz"}) {
		t.Errorf("kept %v", got)
	}
	status, text := s.do(http.MethodGet, "/images/"+id, nil)
	if status != 200 || !strings.Contains(string(text), `"LAS"`) {
		t.Errorf("info: %d %s", status, text)
	}
	if a := s.ask(`{image(id: "` + id + `") {id shape spacing orientation dtype bytes sha256}}`); len(a.Errors) > 0 || a.at(t, "image", "dtype") != "int16" {
		t.Errorf("got %v %v", a.Errors, a.Data)
	}
}

func TestUploadByForm(t *testing.T) {
	s := start(t, nil)
	form := func(fill func(w *multipart.Writer)) (int, []byte) {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		fill(w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return s.do(http.MethodPost, "/images", &body, "Content-Type", w.FormDataContentType())
	}
	file := func(w *multipart.Writer, name string, data []byte) {
		part, err := w.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(data)
	}
	status, text := form(func(w *multipart.Writer) {
		_ = w.WriteField("note", "before the file")
		file(w, "../../../evil.nii", scan(t, "scan.nii"))
	})
	if status != http.StatusCreated {
		t.Errorf("%d %s", status, text)
	}
	if kept := s.kept(); len(kept) != 1 || !strings.HasSuffix(kept[0], ".nii") || len(kept[0]) != 68 {
		t.Errorf("kept %v", kept)
	}
	if status, text := form(func(w *multipart.Writer) { _ = w.WriteField("a", "b") }); status != http.StatusBadRequest || errorCode(t, text) != "BAD_REQUEST" {
		t.Errorf("no file: %d %s", status, text)
	}
	if status, _ := form(func(w *multipart.Writer) {
		for range 100 {
			_ = w.WriteField("a", "b")
		}
		file(w, "x.nii", scan(t, "scan.nii"))
	}); status != http.StatusBadRequest {
		t.Errorf("a hundred fields: %d", status)
	}
	if status, _ := s.do(http.MethodPost, "/images", strings.NewReader("--x\r\nbroken"), "Content-Type", "multipart/form-data; boundary=x"); status != http.StatusBadRequest {
		t.Errorf("broken form: %d", status)
	}
	if status, _ := s.do(http.MethodPost, "/images", strings.NewReader("x"), "Content-Type", "multipart/form-data"); status != http.StatusBadRequest {
		t.Errorf("no boundary: %d", status)
	}
}

func zipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// edited gives a copy of a NIfTI-1 file with a 16-bit field of its header
// changed.
func edited(file []byte, offset int, value uint16) []byte {
	out := bytes.Clone(file)
	binary.LittleEndian.PutUint16(out[offset:], value)
	return out
}

func TestUploadRefusesWhatNoJobCanRead(t *testing.T) {
	s := start(t, nil)
	plain := scan(t, "scan.nii")
	packed := zipped(t, plain)
	const (
		dim      = 40 // dim[0]; dim[i] is 2·i bytes further
		datatype = 70
		bitpix   = 72
	)
	for _, c := range []struct {
		name string
		data []byte
		code string
	}{
		{"empty", nil, "NOT_NIFTI"},
		{"text", []byte("hello"), "NOT_NIFTI"},
		{"a picture", append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 1000)...), "NOT_NIFTI"},
		{"zipped text", zipped(t, []byte(strings.Repeat("hello ", 1000))), "NOT_NIFTI"},
		{"cut short", plain[:len(plain)-1], "TRUNCATED_FILE"},
		{"header only", plain[:352], "TRUNCATED_FILE"},
		{"half a header", plain[:100], "*"},
		{"zipped, then cut short", packed[:len(packed)/2], "TRUNCATED_FILE"},
		{"cut short, then zipped", zipped(t, plain[:len(plain)-1]), "TRUNCATED_FILE"},
		{"damaged in the middle", func() []byte {
			d := bytes.Clone(packed)
			for i := len(d) / 3; i < len(d)/3+40; i++ {
				d[i] ^= 0x5a
			}
			return d
		}(), "*"},
		{"colour", edited(edited(plain, datatype, 128), bitpix, 24), "UNSUPPORTED_IMAGE"},
		{"complex", edited(edited(plain, datatype, 32), bitpix, 64), "UNSUPPORTED_IMAGE"},
		{"two dimensions", edited(plain, dim, 2), "UNSUPPORTED_IMAGE"},
		{"a series", zipped(t, append(edited(edited(plain, dim, 4), dim+8, 2), make([]byte, 2*24*24*24)...)), "UNSUPPORTED_IMAGE"},
		{"zipped, and 32767 voxels along each axis", zipped(t, edited(edited(edited(plain, dim+2, 32767), dim+4, 32767), dim+6, 32767)), "*"},
		{"a negative axis", edited(plain, dim+2, 0xffff), "UNSUPPORTED_IMAGE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text := s.do(http.MethodPost, "/images", bytes.NewReader(c.data), "Content-Type", "application/octet-stream")
			if status != http.StatusUnprocessableEntity {
				t.Errorf("status %d: %s", status, text)
			}
			if got := errorCode(t, text); c.code != "*" && got != c.code {
				t.Errorf("code %s, want %s: %s", got, c.code, text)
			}
			if strings.Contains(string(text), s.dir) {
				t.Errorf("the answer names a folder of the service: %s", text)
			}
			if kept := s.kept(); len(kept) > 0 {
				t.Errorf("left behind: %v", kept)
			}
		})
	}
}

// A gzip bomb behind a true header: its decompression stops where the voxels
// end.
func TestUploadStopsAtTheLastVoxel(t *testing.T) {
	s := start(t, nil)
	bomb := append(scan(t, "scan.nii"), make([]byte, 64<<20)...)
	status, text := s.do(http.MethodPost, "/images", bytes.NewReader(zipped(t, bomb)), "Content-Type", "application/gzip")
	if status != http.StatusCreated {
		t.Errorf("%d %s", status, text)
	}
}

func TestUploadLimits(t *testing.T) {
	data := scan(t, "scan.nii")
	s := start(t, nil, func(c *api.Config) { c.Limits.UploadBytes = int64(len(data)) })
	if status, text := s.do(http.MethodPost, "/images", bytes.NewReader(data), "Content-Type", "application/octet-stream"); status != http.StatusCreated {
		t.Errorf("at the limit: %d %s", status, text)
	}
	more := append(bytes.Clone(data), 0)
	for name, body := range map[string]io.Reader{"with its length": bytes.NewReader(more), "in chunks": io.MultiReader(bytes.NewReader(more))} {
		status, text := s.do(http.MethodPost, "/images", body, "Content-Type", "application/octet-stream")
		if status != http.StatusRequestEntityTooLarge || errorCode(t, text) != "TOO_LARGE" {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if kept := s.kept(); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}

	small := start(t, nil, func(c *api.Config) { c.Limits.VoxelBytes = 24 * 24 * 24 * 4 / 2 })
	if status, text := small.do(http.MethodPost, "/images", bytes.NewReader(data), "Content-Type", "application/octet-stream"); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too many voxels: %d %s", status, text)
	}
	full := start(t, nil, func(c *api.Config) { c.Limits.StoreBytes = int64(len(data)) - 1 })
	for range 2 {
		if status, text := full.do(http.MethodPost, "/images", bytes.NewReader(data), "Content-Type", "application/octet-stream"); status != http.StatusInsufficientStorage || errorCode(t, text) != "STORAGE_FULL" {
			t.Errorf("full store: %d %s", status, text)
		}
	}
	if kept := full.kept(); len(kept) > 0 {
		t.Errorf("left behind: %v", kept)
	}
}

func TestUploadMediaTypes(t *testing.T) {
	s := start(t, nil)
	for _, mediaType := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense;;"} {
		status, text := s.do(http.MethodPost, "/images", bytes.NewReader(scan(t, "scan.nii")), "Content-Type", mediaType)
		if status != http.StatusUnsupportedMediaType || errorCode(t, text) != "UNSUPPORTED_MEDIA_TYPE" {
			t.Errorf("%s: %d %s", mediaType, status, text)
		}
	}
	if status, _ := s.do(http.MethodPost, "/images", bytes.NewReader(scan(t, "scan.nii")), "Content-Encoding", "gzip"); status != http.StatusUnsupportedMediaType {
		t.Errorf("Content-Encoding: %d", status)
	}
	if status, _ := s.do(http.MethodPost, "/images", bytes.NewReader(scan(t, "scan.nii"))); status != http.StatusCreated {
		t.Errorf("no type: %d", status)
	}
}

func TestTheSameFileSentAtOnce(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.Limits.Uploads = 8 })
	data := scan(t, "scan.nii.gz")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if status, text := s.do(http.MethodPost, "/images", bytes.NewReader(data)); status != 200 && status != 201 {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	all.Wait()
	if kept := s.kept(); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}

func TestNoPathLeadsOut(t *testing.T) {
	s := start(t, nil)
	secret := filepath.Join(s.dir, "secret.nii.gz")
	if err := os.WriteFile(secret, scan(t, "scan.nii.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := s.ask(`mutation($i: ID!, $p: [String!]) { segment(image: $i, prompts: $p) { job { id } } }`,
		map[string]any{"i": s.upload(scan(t, "scan.nii.gz")), "p": []string{jobtest.Bright}})
	job := fmt.Sprint(a.at(t, "segment", "job", "id"))
	s.ended(job)
	for _, path := range []string{
		"/images/..%2fsecret", "/images/%2e%2e%2fsecret.nii.gz", "/images/" + strings.Repeat("0", 64),
		"/images/" + strings.Repeat("A", 64), "/images/%00",
		"/jobs/" + job + "/masks/job.json", "/jobs/" + job + "/masks/..%2fjob.json",
		"/jobs/" + job + "/masks/..%2f..%2fsecret.nii.gz", "/jobs/" + job + "/masks/%2fetc%2fpasswd",
		"/jobs/../masks/secret.nii.gz", "/jobs/..%2f../masks/secret.nii.gz", "/jobs/" + strings.Repeat("A", 26) + "/masks/x.nii.gz",
		"/jobs/" + job + "/masks/%00",
	} {
		status, text := s.do(http.MethodGet, path, nil)
		if status != http.StatusNotFound {
			t.Errorf("%s: %d %.100s", path, status, text)
		}
	}
}

func TestMaskInRanges(t *testing.T) {
	s := start(t, nil)
	a := s.ask(`mutation($i: ID!, $p: [String!]) { segment(image: $i, prompts: $p) { job { id } } }`,
		map[string]any{"i": s.upload(scan(t, "scan.nii.gz")), "p": []string{jobtest.Bright}})
	a = s.ended(fmt.Sprint(a.at(t, "segment", "job", "id")))
	path := fmt.Sprint(a.at(t, "job", "structures", 0, "maskUrl"))
	_, header, whole := s.exchange(http.MethodGet, path, nil)
	if header.Get("Accept-Ranges") != "bytes" || !strings.Contains(header.Get("Content-Disposition"), ".nii.gz") {
		t.Errorf("headers %v", header)
	}
	status, header, part := s.exchange(http.MethodGet, path, nil, "Range", "bytes=10-19")
	if status != http.StatusPartialContent || !bytes.Equal(part, whole[10:20]) {
		t.Errorf("range: %d %v %x", status, header, part)
	}
	if status, _ := s.do(http.MethodGet, path, nil, "Range", "bytes=999999999-"); status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("range beyond the end: %d", status)
	}
	if status, _ := s.do(http.MethodGet, path, nil, "If-None-Match", header.Get("ETag")); status != http.StatusNotModified {
		t.Errorf("unchanged: %d", status)
	}
}

// Formats are told by content: NRRD and MetaImage are taken, a DICOM object that
// is no image and a header that names another file are not.
func TestUploadOfOtherFormats(t *testing.T) {
	s := start(t, nil)
	const head = "NRRD0004\ntype: uchar\ndimension: 3\nspace: LPS\nsizes: 2 1 2\n" +
		"space directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (4,5,6)\nencoding: raw\n"
	im := s.upload([]byte(head + "\n\x01\x02\x03\x04"))
	if im == "" {
		t.Error("no id")
	}
	for _, c := range []struct{ name, data, code string }{
		{"another file's voxels", head + "data file: " + im + ".nii\n\n", "UNSUPPORTED_IMAGE"},
		{"cut short", head + "\n\x01\x02\x03", "TRUNCATED_FILE"},
		{"too large", strings.Replace(head, "2 1 2", "200000 200000 2", 1) + "\n", "*"},
		{"a DICOM report", strings.Repeat("\x00", 128) + "DICM\x08\x00\x60\x00CS\x02\x00SR", "UNSUPPORTED_IMAGE"},
		{"a DICOM image without pixels", strings.Repeat("\x00", 128) + "DICM\x08\x00\x60\x00CS\x02\x00CT", "*"},
	} {
		status, text := s.do(http.MethodPost, "/images", strings.NewReader(c.data), "Content-Type", "application/octet-stream")
		if status != http.StatusUnprocessableEntity && status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: status %d: %s", c.name, status, text)
		}
		if got := errorCode(t, text); c.code != "*" && got != c.code {
			t.Errorf("%s: code %s, want %s: %s", c.name, got, c.code, text)
		}
	}
	if kept := s.kept(); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}
