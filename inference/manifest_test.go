package inference

import (
	"errors"
	"strings"
	"testing"
)

const goodManifest = `{"name":"m","version":"1","spacing":[1,1,3],"patch":[288,288,96],"modalities":["ct","mri"],
"embedding_width":768,"prompts":[{"name":"Liver","modalities":["ct"],"min_volume_ml":5,"keep_largest_component":true},{"name":"spleen"}],
"files":{"a.onnx":"` + sum + `"},"something_new":{"x":1}}`

const sum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParseManifest(t *testing.T) {
	m, err := ParseManifest([]byte(goodManifest))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := m.Prompt("liver", CT)
	if !ok || p.MinVolumeML != 5 || !p.KeepLargest {
		t.Errorf("liver: %+v, %v", p, ok)
	}
	// A prompt without modalities has the model's.
	if m.Knows("liver", MRI) || !m.Knows("SPLEEN", MRI) || m.Knows("spleen", PET) {
		t.Error("modalities of prompts")
	}
}

func TestParseManifestRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"syntax":            {`"name":"m"`, `"name":`},
		"no name":           {`"name":"m"`, `"name":" "`},
		"zero spacing":      {`[1,1,3]`, `[1,0,3]`},
		"negative spacing":  {`[1,1,3]`, `[1,1,-3]`},
		"patch not of 32":   {`[288,288,96]`, `[288,288,90]`},
		"no patch":          {`"patch":[288,288,96],`, ``},
		"huge patch":        {`[288,288,96]`, `[32000,32000,32000]`},
		"overflowing patch": {`[288,288,96]`, `[4611686018427387904,288,96]`},
		"unknown modality":  {`["ct","mri"]`, `["ct","x-ray"]`},
		"no modality":       {`["ct","mri"]`, `[]`},
		"no width":          {`768`, `0`},
		"no prompts":        {`{"name":"spleen"}`, `{"name":""}`},
		"prompt twice":      {`{"name":"spleen"}`, `{"name":"liver"}`},
		"negative volume":   {`"min_volume_ml":5`, `"min_volume_ml":-5`},
		"path in files":     {`a.onnx`, `../a.onnx`},
		"absolute path":     {`a.onnx`, `/etc/passwd`},
		"hidden file":       {`a.onnx`, `..`},
		"short sum":         {sum, sum[:60]},
		"no files":          {`{"a.onnx":"` + sum + `"}`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(goodManifest, change[0], change[1], 1)
			if text == goodManifest {
				t.Fatal("the test changes nothing")
			}
			if _, err := ParseManifest([]byte(text)); !errors.Is(err, ErrBadManifest) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := ParseManifest(make([]byte, MaxManifestBytes+1)); !errors.Is(err, ErrBadManifest) {
		t.Errorf("too large: %v", err)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(goodManifest))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err != nil && !errors.Is(err, ErrBadManifest) {
			t.Errorf("got %v", err)
		}
		if err == nil && (len(m.Prompts) == 0 || len(m.Files) == 0) {
			t.Errorf("accepted %s", text)
		}
	})
}
