package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"satgraph/internal/sharedtest"
	"satgraph/labelmap"
)

type raw = labelmap.RawLabel

// readLabelText reads labels from a text, as a file of the given name.
func readLabelText(t testing.TB, name, text string, o LabelOptions) (*Labels, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadLabels(path, o)
}

func one(v int64) []int64 { return []int64{v} }

func TestReadLabels(t *testing.T) {
	background := []string{FlagBackground}
	for _, test := range []struct {
		what, file, text string
		format           LabelFormat
		comments         int
		want             []raw
	}{
		{
			"nnU-Net 2, with a region", "dataset.json",
			"{\n \"channel_names\": {\"0\": \"T1\", \"1\": \"FLAIR\"},\n \"labels\": {\n  \"background\": 0,\n  \"whole tumor\": [1, 2, 3],\n  \"tumor core\": [2, 3]\n },\n" +
				" \"regions_class_order\": [1, 2], \"name\": \"BraTS\", \"numTraining\": 2,\n \"training\": [{\"image\": \"a\", \"label\": \"b\"}]\n}",
			LabelsNNUNet, 0,
			[]raw{
				{Dataset: "BraTS", Modality: "mri", Values: one(0), Name: "background", Line: 4, Flags: background},
				{Dataset: "BraTS", Modality: "mri", Values: []int64{1, 2, 3}, Name: "whole tumor", Line: 5},
				{Dataset: "BraTS", Modality: "mri", Values: []int64{2, 3}, Name: "tumor core", Line: 6},
			},
		},
		{
			"Decathlon", "dataset.json",
			"{\"name\": \"Spleen\", \"modality\": {\"0\": \"CT\"}, \"labels\": {\"0\": \"background\", \"1\": \"spleen\"}, \"training\": []}",
			LabelsDecathlon, 0,
			[]raw{
				{Dataset: "Spleen", Modality: "ct", Values: one(0), Name: "background", Line: 1, Flags: background},
				{Dataset: "Spleen", Modality: "ct", Values: one(1), Name: "spleen", Line: 1},
			},
		},
		{
			"channels of two modalities", "dataset.json", "{\"channel_names\": {\"0\": \"CT\", \"1\": \"PET\"}, \"labels\": {\"tumor\": 1}}",
			LabelsNNUNet, 0,
			[]raw{{Context: "channels: CT, PET", Values: one(1), Name: "tumor", Line: 1}},
		},
		{
			"a bare object", "map.json", "{\"1\": \"liver\", \"spleen\": \"2\", \"heart\": \"3.5\", \"lung\": null}", LabelsJSON, 0,
			[]raw{
				{Values: one(1), Name: "liver", Line: 1},
				{Values: one(2), Name: "spleen", Line: 1},
				{Name: "heart", Line: 1, Flags: []string{FlagBadValue + ": 3.5"}},
				{Name: "lung", Line: 1, Flags: []string{FlagBadValue + ": "}},
			},
		},
		{"a JSON list", "names.json", "[\"liver\",\n\"spleen\"]", LabelsJSON, 0, []raw{{Name: "liver", Line: 1}, {Name: "spleen", Line: 2}}},
		{
			"FreeSurfer", "FreeSurferColorLUT.txt",
			"#$Id: x $\n\n#No. Label Name:   R   G   B   A\n0   Unknown         0   0   0   0\n17  Left-Hippocampus  220 216 20  0\n251 CC Posterior  0 0 64 0\n",
			LabelsFreeSurfer, 2,
			[]raw{
				{Values: one(0), Name: "Unknown", Color: "#000000", Line: 4, Flags: background},
				{Values: one(17), Name: "Left-Hippocampus", Color: "#dcd814", Line: 5},
				{Values: one(251), Name: "CC Posterior", Color: "#000040", Line: 6},
			},
		},
		{
			"ITK-SNAP", "labels.txt",
			"#####\n# ITK-SnAP Label Description File\n# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL\n" +
				"    0     0    0    0        0  0  0    \"Clear Label\"\n    1   255    0    0        1  1  1    \"left \"\"big\" kidney\"\n   -2 1 2 3 0.5 1 1 \"\"\n4 1 2 3 1 1 1 right kidney\n",
			LabelsITKSNAP, 3,
			[]raw{
				{Values: one(0), Name: "Clear Label", Color: "#000000", Line: 4, Flags: background},
				{Values: one(1), Name: `left ""big" kidney`, Color: "#ff0000", Line: 5},
				{Values: one(-2), Color: "#010203", Line: 6, Flags: []string{FlagEmptyName}},
				{Values: one(4), Name: "right kidney", Color: "#010203", Line: 7},
			},
		},
		{
			"Slicer, old", "a.ctbl", "# Color table file C:/a.ctbl\n# 2 values\n0 Background 0 0 0 0\n3 connective_tissue 111 184 210 255\n",
			LabelsSlicer, 2,
			[]raw{
				{Values: one(0), Name: "Background", Color: "#000000", Line: 3, Flags: background},
				{Values: one(3), Name: "connective_tissue", Color: "#6fb8d2", Line: 4},
			},
		},
		{
			"Slicer, new", "a.csv",
			"LabelValue,Name,Color_R,Color_G,Color_B,Color_A,Category_CodingScheme,Category_CodeValue,Category_CodeMeaning,Type_CodingScheme,Type_CodeValue,Type_CodeMeaning," +
				"TypeModifier_CodingScheme,TypeModifier_CodeValue,TypeModifier_CodeMeaning\n1,left_kidney,185,102,83,255,SCT,123037004,Anatomical Structure,SCT,64033007,Kidney,SCT,7771000,Left\n",
			LabelsSlicer, 0,
			[]raw{{Values: one(1), Name: "left_kidney", Color: "#b96653", Codes: []string{"SCT:64033007", "SCT:7771000"}, Line: 2}},
		},
		{
			"BIDS", "atlas-X_dseg.tsv", "index\tname\tabbreviation\tcolor\tmapping\n1\tGray Matter\tGM\t#ff53bb\t1\n2\tn/a\tWM\tn/a\t2\n",
			LabelsBIDS, 0,
			[]raw{
				{Values: one(1), Name: "Gray Matter", Color: "#ff53bb", Context: "abbreviation: GM", Line: 2},
				{Values: one(2), Context: "abbreviation: WM", Line: 3, Flags: []string{FlagEmptyName}},
			},
		},
		{
			"SSSOM", "maps.sssom.tsv",
			"#curie_map:\n#  FMA: http://x\n#mapping_set_id: y\nsubject_id\tsubject_label\tpredicate_id\tobject_id\tmapping_justification\n" +
				"D:1\tleft kidney\tskos:exactMatch\tUBERON:0004538\tsemapv:ManualMappingCuration\nD:1\tleft kidney\tskos:broadMatch\tUBERON:0002113\tx\nD:2\t\tskos:exactMatch\tU:1\tx\n",
			LabelsSSSOM, 3,
			[]raw{{Name: "left kidney", Codes: []string{"D:1"}, Line: 5}, {Name: "2", Codes: []string{"D:2"}, Line: 7}},
		},
		{
			"CSV with what a curator adds", "labels.csv",
			"label,dataset,modality,region,context,snomed\n\"kidney, left\",KiTS,CT,abdomen,\"with \"\"tumor\"\"\",64033007\nLA,MMWHS,MR T1,,,\nx,,X-ray,,\n",
			LabelsTable, 0,
			[]raw{
				{Dataset: "KiTS", Modality: "ct", Region: "abdomen", Context: `with "tumor"`, Name: "kidney, left", Codes: []string{"SCT:64033007"}, Line: 2},
				{Dataset: "MMWHS", Modality: "mri", Name: "LA", Line: 3},
				{Name: "x", Line: 4, Flags: []string{FlagColumns, FlagModality + ": X-ray"}},
			},
		},
		{
			"semicolons", "l.csv", "Wert;name;value\nx;Leber;1\ny;Milz;2-4\nz;Niere;two\n", LabelsTable, 0,
			[]raw{
				{Values: one(1), Name: "Leber", Line: 2},
				{Values: []int64{2, 3, 4}, Name: "Milz", Line: 3},
				{Name: "Niere", Line: 4, Flags: []string{FlagBadValue + ": two"}},
			},
		},
		{
			"FreeSurfer with tabs and odd rows", "LUT.txt",
			"#No.\tLabel Name:\tR\tG\tB\tA\n0\tUnknown\t0\t0\t0\t0\n17   Left-Hippocampus 220 216 20 0\n18 Left-Amygdala 1 2 3 0 # inline\n19 Lobule #4 1 2 3\n20 bright 999 0 0 0\n" +
				strings.Repeat("21 x 1 1 1 0\n", 8) + "hello\n",
			LabelsFreeSurfer, 1,
			slices.Concat([]raw{
				{Values: one(0), Name: "Unknown", Color: "#000000", Line: 2, Flags: background},
				{Values: one(17), Name: "Left-Hippocampus", Color: "#dcd814", Line: 3},
				{Values: one(18), Name: "Left-Amygdala", Color: "#010203", Line: 4},
				{Values: one(19), Name: "Lobule #4", Color: "#010203", Line: 5},
				{Values: one(20), Name: "bright", Line: 6, Flags: []string{FlagColor + ": 999 0 0"}},
			}, repeated(8, 7, raw{Values: one(21), Name: "x", Color: "#010101", Flags: []string{FlagNameTwice, FlagValueTwice}}),
				[]raw{{Name: "hello", Line: 15, Flags: []string{FlagColumns}}}),
		},
		{
			"cells of several lines", "l.csv", "value,name,note\r\n1,\"left\r\nkidney\",a\r\n2,\"right, \"\"kidney\"\"\",b\r\n3,\"open,c\r\n4,liver,d\r\n", LabelsTable, 0,
			[]raw{
				{Values: one(1), Name: "left\nkidney", Context: "note: a", Line: 2, Flags: []string{FlagControl}},
				{Values: one(2), Name: `right, "kidney"`, Context: "note: b", Line: 4},
				{Values: one(3), Name: `"open`, Context: "note: c", Line: 5, Flags: []string{FlagQuote}},
				{Values: one(4), Name: "liver", Context: "note: d", Line: 6},
			},
		},
		{"Excel's delimiter", "l.csv", "sep=;\r\nvalue;name\r\n1;liver\r\n", LabelsTable, 0, []raw{{Values: one(1), Name: "liver", Line: 3}}},
		{"names before values", "l.txt", "kidney, left,1\n\"spleen\",2\n", LabelsTable, 0, []raw{{Values: one(1), Name: "kidney, left", Line: 1}, {Values: one(2), Name: "spleen", Line: 2}}},
		{"names with numbers of their own", "l.txt", "kidney, 1\nkidney, 2\n", LabelsList, 0, []raw{{Name: "kidney, 1", Line: 1}, {Name: "kidney, 2", Line: 2}}},
		{"codes", "l.txt", "FMA:7203\nRID:58\n", LabelsList, 0, []raw{{Name: "FMA:7203", Line: 1}, {Name: "RID:58", Line: 2}}},
		{"a header unlike its rows", "l.csv", "structure,volume_mm3\nliver,12.5\nspleen,4\n", LabelsTable, 0, []raw{{Name: "liver", Line: 2}, {Name: "spleen", Line: 3}}},
		{"ids of classes", "l.csv", "class_id,class_name\n1,liver\n", LabelsTable, 0, []raw{{Values: one(1), Name: "liver", Line: 2}}},
		{"name and label", "l.tsv", "name\tlabel\nliver\t1\n", LabelsTable, 0, []raw{{Values: one(1), Name: "liver", Line: 2}}},
		{"a header in a comment", "l.txt", "# id,name\n1,liver\n2,spleen\n", LabelsTable, 0, []raw{{Values: one(1), Name: "liver", Line: 2}, {Values: one(2), Name: "spleen", Line: 3}}},
		{
			"values before names", "l.txt", "1: liver\n2: spleen, whole\n\n# no more\n", LabelsTable, 1,
			[]raw{{Values: one(1), Name: "liver", Line: 1}, {Values: one(2), Name: "spleen, whole", Line: 2}},
		},
		{
			"a list", "l.txt", "kidney, organ\n#3\n  3rd ventricle \n# a comment\n\"left kidney\"\nregion\n", LabelsList, 1,
			[]raw{{Name: "kidney, organ", Line: 1}, {Name: "#3", Line: 2}, {Name: "3rd ventricle", Line: 3}, {Name: "left kidney", Line: 5}, {Name: "region", Line: 6}},
		},
		{"one label", "l.txt", "4 chamber heart", LabelsList, 0, []raw{{Name: "4 chamber heart", Line: 1}}},
		{"numbers alone", "l.txt", "1\n2\n", LabelsList, 0, []raw{{Name: "1", Line: 1}, {Name: "2", Line: 2}}},
		{"old line ends", "l.txt", "liver\rspleen\r", LabelsList, 0, []raw{{Name: "liver", Line: 1}, {Name: "spleen", Line: 2}}},
	} {
		t.Run(test.what, func(t *testing.T) {
			for i := range test.want {
				test.want[i].File = test.file
			}
			for what, text := range map[string]string{"plain": test.text, "gzip": zipped(t, test.text), "BOM": "\xef\xbb\xbf" + test.text, "UTF-16": utf16Text(test.text)} {
				got, err := readLabelText(t, test.file, text, LabelOptions{})
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if got.Format != test.format || got.Comments != test.comments {
					t.Errorf("%s: taken for %s with %d comments, want %s with %d", what, got.Format, got.Comments, test.format, test.comments)
				}
				if !reflect.DeepEqual(got.Labels, test.want) {
					t.Errorf("%s: got\n%+v, want\n%+v", what, got.Labels, test.want)
				}
			}
		})
	}
}

// repeated are n rows of one label, from a line on.
func repeated(n, line int, l raw) []raw {
	out := make([]raw, n)
	for i := range out {
		out[i] = l
		out[i].Line = line + i
	}
	return out
}

func utf16Text(text string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// TestOddLabels keeps every odd label, and says what is odd about it.
func TestOddLabels(t *testing.T) {
	long := strings.Repeat("ventricle ", 10_000)
	text := "value\tname\n1\tliver\n1\tspleen\n3\tliver\n4\t\n5\t=cmd|' /C calc'!A0\n6\t<script>alert(1)</script>\n7\t\u202eyendik\n8\tכבד\n" +
		"9\tc\xf6kum\n10\tc\u00f6kum\n11\ta\x07b\n12\tun\ufffdknown\n13\t\"left\n14\tname\ttoo many\n15\t" + long + "\nx\tno value\n"
	got, err := readLabelText(t, "odd.tsv", text, LabelOptions{Dataset: "D", Modality: "ct", Region: "trunk"})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name  string
		flags []string
	}{
		{"liver", []string{FlagValueTwice, FlagNameTwice}},
		{"spleen", []string{FlagValueTwice}},
		{"liver", []string{FlagNameTwice}},
		{"", []string{FlagEmptyName}},
		{"=cmd|' /C calc'!A0", []string{FlagFormula}},
		{"<script>alert(1)</script>", []string{FlagMarkup}},
		{"\u202eyendik", []string{FlagDirection}},
		{"כבד", nil},
		{"cökum", []string{FlagEncoding, FlagNameTwice}},
		{"cökum", []string{FlagNameTwice}},
		{"a\x07b", []string{FlagControl}},
		{"un\ufffdknown", []string{FlagDamaged}},
		{"\"left", []string{FlagQuote}},
		{"name", []string{FlagColumns}},
		{strings.TrimSpace(long), []string{FlagLongName}},
		{"no value", []string{FlagBadValue + ": x"}},
	}
	if len(got.Labels) != len(want) || got.Encoding != "mixed" {
		t.Fatalf("%d labels in %s, want %d in mixed", len(got.Labels), got.Encoding, len(want))
	}
	for i, w := range want {
		l := got.Labels[i]
		if l.Name != w.name || !reflect.DeepEqual(l.Flags, w.flags) || l.Line != i+2 {
			t.Errorf("line %d: %.40q %q, want %.40q %q", l.Line, l.Name, l.Flags, w.name, w.flags)
		}
		if l.Dataset != "D" || l.Modality != "ct" || l.Region != "trunk" {
			t.Errorf("%.40q lacks what holds for all: %q %q %q", l.Name, l.Dataset, l.Modality, l.Region)
		}
	}
}

func TestLabelFolder(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "segmentations")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"liver.nii.gz", "kidney_left.nrrd", "old.hdr", "old.img", "notes.txt", ".hidden.nii", "liver.nii"} {
		if err := os.WriteFile(filepath.Join(inside, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadLabels(dir, LabelOptions{Dataset: "TS"})
	if err != nil {
		t.Fatal(err)
	}
	twice := []string{FlagNameTwice}
	want := &Labels{
		Format: LabelsFolder, Encoding: "UTF-8", Passed: []string{".hidden.nii", "notes.txt"}, Folder: filepath.Join(dir, "segmentations"),
		Labels: []raw{
			{Dataset: "TS", Name: "kidney_left", File: "kidney_left.nrrd"},
			{Dataset: "TS", Name: "liver", File: "liver.nii", Flags: twice},
			{Dataset: "TS", Name: "liver", File: "liver.nii.gz", Flags: twice},
			{Dataset: "TS", Name: "old", File: "old.img"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := ReadLabels(t.TempDir(), LabelOptions{}); !errors.Is(err, ErrFormat) {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dataset.json"), []byte(`{"labels": {"1": "liver"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadLabels(dir, LabelOptions{}); err != nil || got.Format != LabelsDecathlon {
		t.Errorf("a folder with dataset.json: %+v, %v", got, err)
	}
}

func TestReadLabelsRefuses(t *testing.T) {
	small := LabelOptions{Limits: Limits{LineBytes: 100, Terms: 2, Bytes: 1000}}
	for _, test := range []struct {
		name, file, text string
		options          LabelOptions
		want             error
		line             int
		says             string
	}{
		{"empty", "a.txt", "", LabelOptions{}, ErrFormat, 0, "empty"},
		{"only comments", "a.txt", "# nothing\n", LabelOptions{}, ErrFormat, 0, "no label"},
		{"binary", "a.nii", "\x5c\x01\x00\x00abc\x00", LabelOptions{}, ErrEncoding, 0, "binary"},
		{"half a character", "a.txt", "\xff\xfea\x00b", LabelOptions{}, ErrEncoding, 0, "within a character"},
		{"binary behind", "a.txt", strings.Repeat("liver\n", 20_000) + "\x00\n", LabelOptions{}, ErrEncoding, 20001, "NUL"},
		{"continuous", "a.txt", "# Color procedural file a\n0 0 0 0\n", LabelOptions{}, ErrFormat, 0, "continuous"},
		{"a broken lookup table", "a.txt", "# Color table file\n0 liver 1 2 3 4\nhello\n", LabelOptions{}, ErrFormat, 3, "hello"},
		{"JSON cut short", "a.json", "{\"labels\": {\n\"a\": 1,", LabelOptions{}, ErrFormat, 2, "cut short"},
		{"JSON without labels", "a.json", "{\"name\": \"x\", \"other\": {\"a\": 1}}", LabelOptions{}, ErrFormat, 0, "no label"},
		{"a dataset without labels", "a.json", "{\"name\": \"x\", \"numTraining\": 3}", LabelOptions{}, ErrFormat, 0, "no label"},
		{"labels of a wrong kind", "a.json", "{\"labels\": 3}", LabelOptions{}, ErrFormat, 1, "neither an object"},
		{"a label of a wrong kind", "a.json", "{\"labels\": {\"a\": {}}}", LabelOptions{}, ErrFormat, 1, "neither a name nor a value"},
		{"a region of names", "a.json", "{\"labels\": {\"a\": [\"b\"]}}", LabelOptions{}, ErrFormat, 1, "list of other things"},
		{"a long line", "a.txt", "a\n" + strings.Repeat("x", 200), small, ErrTooLarge, 1, "100 bytes"},
		{"many labels", "a.txt", "a\nb\nc\n", small, ErrTooLarge, 3, "2 labels"},
		{"many bytes", "a.txt", "a\nb\n" + strings.Repeat("\n", 2000), small, ErrTooLarge, 998, ""},
		{"no format of that name", "a.txt", "a\n", LabelOptions{Format: "word"}, ErrFormat, 0, "word"},
		{"a table without names", "a.txt", "liver\nspleen\n", LabelOptions{Format: LabelsTable}, ErrFormat, 1, "header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := readLabelText(t, test.file, test.text, test.options)
			var at *FileError
			if !errors.Is(err, test.want) || !errors.As(err, &at) {
				t.Fatalf("got %+v, %v; want %v", got, err, test.want)
			}
			if at.Line != test.line || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got line %d, %v; want line %d and %q", at.Line, err, test.line, test.says)
			}
		})
	}
	if _, err := ReadLabels(filepath.Join(t.TempDir(), "none"), LabelOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestEndlessLabels refuses lines, JSON names and values without end in bounded
// memory, and passes over long parts of JSON that are no labels.
func TestEndlessLabels(t *testing.T) {
	for name, start := range map[string]string{
		"list": "liver\nspl", "table": "value,name\n1,", "json name": `{"labels":{"`, "json value": `{"labels":{"a":"`, "other member": `{"training":"`,
	} {
		source := &endless{start: start}
		c := &collector{labels: &Labels{}, o: LabelOptions{Limits: Limits{}.withDefaults()}}
		if _, err := c.read(source); !errors.Is(err, ErrTooLarge) || source.given > 8<<20 {
			t.Errorf("%s: %v after %d bytes", name, err, source.given)
		}
	}
	scans := `{"training": [` + strings.Repeat(`{"image": "a", "label": "b"},`, 50_000) + `{}], "labels": {"liver": 1}}`
	got, err := readLabelText(t, "dataset.json", scans, LabelOptions{})
	if err != nil || len(got.Labels) != 1 {
		t.Errorf("a long list of scans on one line: %+v, %v", got, err)
	}
}

// BenchmarkLabels reads a million labels of a table.
func BenchmarkLabels(b *testing.B) {
	const n = 1_000_000
	var text strings.Builder
	text.WriteString("value,name\n")
	for i := range n {
		fmt.Fprintf(&text, "%d,label %d\n", i, i)
	}
	for b.Loop() {
		got, err := readLabelText(b, "a.csv", text.String(), LabelOptions{})
		if err != nil || len(got.Labels) != n || len(got.Labels[n-1].Flags) > 0 {
			b.Fatalf("%v", err)
		}
	}
}

// TestSharedLabels reads the label table of a real atlas.
func TestSharedLabels(t *testing.T) {
	got, err := ReadLabels(sharedtest.Path(t, "data/real-mr/brain/labels_aal.csv"), LabelOptions{Modality: "mri"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Format != LabelsTable || len(got.Labels) != 120 {
		t.Errorf("%s with %d labels, want table with 120", got.Format, len(got.Labels))
	}
	want := raw{Values: one(2001), Name: "Precentral_L", Modality: "mri", File: "labels_aal.csv", Line: 2}
	if !reflect.DeepEqual(got.Labels[0], want) {
		t.Errorf("got %+v, want %+v", got.Labels[0], want)
	}
	masks, err := ReadLabels(sharedtest.Path(t, "data/real-ct/example_seg_fast"), LabelOptions{})
	if err != nil || masks.Format != LabelsFolder || len(masks.Labels) < 100 {
		t.Errorf("a real folder of masks: %+v, %v", masks, err)
	}
}

func fuzzLabels(f *testing.F, format LabelFormat, seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := LabelOptions{Limits: Limits{Bytes: 1 << 20, LineBytes: 1 << 12}.withDefaults(), Format: format}
		c := &collector{labels: &Labels{}, o: o, file: "fuzz"}
		if _, err := c.read(bytes.NewReader(data)); err != nil {
			return
		}
		c.finish()
		if len(c.labels.Labels) == 0 {
			t.Error("taken, but without labels")
		}
		for _, l := range c.labels.Labels {
			if strings.TrimSpace(l.Name) == "" && !hasFlag(&l, FlagEmptyName) {
				t.Errorf("an empty name is not flagged: %+v", l)
			}
			if !utf8.ValidString(l.Name) {
				t.Errorf("%q is no UTF-8", l.Name)
			}
		}
	})
}

func FuzzLabels(f *testing.F) {
	fuzzLabels(f, "", "liver\nspleen\n", "1: liver\n2: spleen\n", "value,name\n1,\"a\n", "{\"labels\":{\"a\":1}}", "# ITK-SnAP Label Description File\n", "\xff\xfea\x00\n\x00")
}

func FuzzLabelsJSON(f *testing.F) {
	fuzzLabels(f, LabelsJSON, `{"labels":{"a":1,"b":[1,2]},"channel_names":{"0":"CT"}}`, `{"1":"a","x":[1,2],"y":[{}]}`, `["a","b"]`)
}

func FuzzLabelsTable(f *testing.F) {
	fuzzLabels(f, LabelsTable, "index\tname\tcolor\n1\ta\t#ff0000\n", "value;name\n\"1\";\"a\"\"b\"\n", "# id,name\n1,a\n")
}

func FuzzLabelsSSSOM(f *testing.F) {
	fuzzLabels(f, LabelsSSSOM, "#a: b\nsubject_id\tsubject_label\tpredicate_id\tobject_id\nD:1\tx\tskos:exactMatch\tU:1\n")
}

func FuzzLabelsLookup(f *testing.F) {
	fuzzLabels(f, LabelsFreeSurfer, "0 Unknown 0 0 0 0\n17 Left Hippocampus 220 216 20 0\n")
}

func FuzzLabelsITKSNAP(f *testing.F) {
	fuzzLabels(f, LabelsITKSNAP, "0 0 0 0 0 0 0 \"Clear Label\"\n1 255 0 0 1 1 1 \"a\"\n")
}
