package text

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/internal/npy"
	"satgraph/internal/sharedtest"
)

// tiny has ids 0..: <s> <pad> </s> [UNK] [CLS] [SEP] left kid ##ney 肝 - cafe
const tiny = "<s>\n<pad>\n</s>\n[UNK]\n[CLS]\n[SEP]\nleft\nkid\n##ney\n肝\n-\ncafe\n"

func TestIDs(t *testing.T) {
	v, err := ReadVocabulary(strings.NewReader(tiny))
	if err != nil {
		t.Fatal(err)
	}
	for prompt, want := range map[string][]int64{
		"":                                 {4, 5},
		"Left  Kidney\n":                   {4, 6, 7, 8, 5},
		"left-kidney":                      {4, 6, 10, 7, 8, 5},
		"café":                             {4, 11, 5},
		"left肝kid":                         {4, 6, 9, 7, 5},
		"kidneyx":                          {4, 3, 5}, // no piece for x: the whole word is unknown
		"left </s> kid":                    {4, 6, 2, 7, 5},
		"le\x00ft\u200b":                   {4, 6, 5}, // control and format characters go
		"\xff left":                        {4, 6, 5}, // bytes that are no UTF-8 go
		"[SEP]":                            {4, 3, 3, 3, 5},
		"left </S> [Unk]kid":               {4, 6, 2, 3, 7, 5},       // special tokens are found in the cleaned text
		"kid<mask>kidney":                  {4, 7, 3, 3, 3, 7, 8, 5}, // <mask> is not in this vocabulary
		strings.Repeat("k", 101) + " left": {4, 3, 6, 5},
	} {
		if got := v.IDs(prompt); !slices.Equal(got, want) {
			t.Errorf("IDs(%q) = %v, want %v", prompt, got, want)
		}
	}
	long := v.IDs(strings.Repeat("left ", 1000))
	if len(long) != MaxTokens || long[MaxTokens-1] != 5 || long[MaxTokens-2] != 6 {
		t.Errorf("a long prompt gives %d ids ending %v", len(long), long[len(long)-2:])
	}
}

func TestReadVocabularyRefuses(t *testing.T) {
	for name, file := range map[string]string{
		"no [SEP]":  "[CLS]\n[UNK]\n",
		"empty":     "",
		"long line": tiny + strings.Repeat("x", 1<<13),
	} {
		if _, err := ReadVocabulary(strings.NewReader(file)); !errors.Is(err, ErrVocabulary) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTokenizerFile(t *testing.T) {
	const head = `{"normalizer":{"type":"BertNormalizer","lowercase":true,"strip_accents":null},"pre_tokenizer":{"type":"BertPreTokenizer"},`
	const model = `"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":`
	read := func(doc string) ([]string, error) { return ReadPieces(strings.NewReader(doc)) }
	got, err := read(head + `"added_tokens":[{"id":3,"content":"<mask>"}],` + model + `{"[CLS]":0,"[UNK]":2,"[SEP]":1}}}`)
	if want := []string{"[CLS]", "[SEP]", "[UNK]", "<mask>"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	var again strings.Builder
	if err := WriteVocabulary(&again, got); err != nil {
		t.Fatal(err)
	}
	if back, err := read(again.String()); err != nil || !slices.Equal(back, got) {
		t.Errorf("vocab.txt reads %q, %v", back, err)
	}
	for name, doc := range map[string]string{
		"another model":     head + strings.Replace(model, "WordPiece", "BPE", 1) + `{"[CLS]":0,"[SEP]":1,"[UNK]":2}}}`,
		"another case":      strings.Replace(head, "true", "false", 1) + model + `{"[CLS]":0,"[SEP]":1,"[UNK]":2}}}`,
		"another unknown":   head + strings.Replace(model, "[UNK]", "<unk>", 1) + `{"[CLS]":0,"[SEP]":1,"[UNK]":2}}}`,
		"a hole in the ids": head + model + `{"[CLS]":0,"[SEP]":1,"[UNK]":3}}}`,
		"an id twice":       head + model + `{"[CLS]":0,"[SEP]":1,"[UNK]":1}}}`,
		"a negative id":     head + model + `{"[CLS]":0,"[SEP]":1,"[UNK]":-1}}}`,
		"a line break":      head + model + `{"[CLS]":0,"[SEP]":1,"[UNK]":2,"a\nb":3}}}`,
		"no [SEP]":          head + model + `{"[CLS]":0,"[UNK]":1}}}`,
		"two ids":           head + `"added_tokens":[{"id":3,"content":"[SEP]"}],` + model + `{"[CLS]":0,"[SEP]":1,"[UNK]":2}}}`,
		"nothing":           `{}`,
	} {
		if _, err := read(doc); !errors.Is(err, ErrVocabulary) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func openTiny(t *testing.T) (string, *Vocabulary) {
	t.Helper()
	dir := sharedtest.Path(t, "fixtures/sat-tiny")
	f, err := os.Open(filepath.Join(dir, "biolord", "vocab.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	v, err := ReadVocabulary(f)
	if err != nil {
		t.Fatal(err)
	}
	return dir, v
}

func TestBothVocabularyFilesAgree(t *testing.T) {
	dir, v := openTiny(t)
	f, err := os.Open(filepath.Join(dir, "biolord", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	other, err := ReadVocabulary(f)
	if err != nil || other.Len() != v.Len() {
		t.Fatalf("tokenizer.json: %v", err)
	}
	for piece, id := range v.ids {
		if other.ids[piece] != id {
			t.Errorf("%q is %d and %d", piece, id, other.ids[piece])
		}
	}
}

func TestIDsAgreeWithSAT(t *testing.T) {
	dir, v := openTiny(t)
	text, err := os.ReadFile(filepath.Join(dir, "text", "prompts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Prompts []struct {
			Text string  `json:"text"`
			IDs  []int64 `json:"input_ids"`
		} `json:"prompts"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Prompts) == 0 {
		t.Fatal("the fixture has no prompts")
	}
	var all []string
	for _, p := range doc.Prompts {
		if got := v.IDs(p.Text); !slices.Equal(got, p.IDs) {
			t.Errorf("IDs(%q) = %v, SAT has %v", p.Text, got, p.IDs)
		}
		all = append(all, p.Text)
	}

	ids, mask, width := v.Batch(all)
	for name, got := range map[string][]int64{"input_ids_batch.npy": ids, "attention_mask_batch.npy": mask} {
		a, err := npy.ReadFile(filepath.Join(dir, "text", name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := a.Int64s()
		if err != nil {
			t.Fatal(err)
		}
		if a.Shape[1] != width || !slices.Equal(got, want) {
			t.Errorf("%s: the batch differs (width %d, SAT %d)", name, width, a.Shape[1])
		}
	}
}

func FuzzIDs(f *testing.F) {
	v, err := ReadVocabulary(strings.NewReader(tiny))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("left kidney")
	f.Add("\xff<s></s>肝")
	f.Fuzz(func(t *testing.T, prompt string) {
		ids := v.IDs(prompt)
		if len(ids) < 2 || len(ids) > MaxTokens || ids[0] != v.start || ids[len(ids)-1] != v.end {
			t.Errorf("IDs(%q) = %v", prompt, ids)
		}
	})
}
