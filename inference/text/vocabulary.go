package text

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Limits of a vocabulary file.
const (
	maxVocabulary = 1 << 20 // pieces
	maxLineBytes  = 1 << 12
	maxFileBytes  = 64 << 20
)

// ReadPieces reads the pieces of a vocabulary, the index being the id: of a
// vocab.txt (one piece a line) or of a tokenizer.json of Hugging Face's
// tokenizers, which must describe the tokenizer that this package is. The error
// is ErrVocabulary, or the reader's.
func ReadPieces(r io.Reader) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrVocabulary, maxFileBytes)
	}
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed) {
		return readTokenizer(trimmed)
	}
	var pieces []string
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(make([]byte, 0, maxLineBytes), maxLineBytes)
	for lines.Scan() {
		if len(pieces) >= maxVocabulary {
			return nil, fmt.Errorf("%w: more than %d pieces", ErrVocabulary, maxVocabulary)
		}
		pieces = append(pieces, lines.Text())
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVocabulary, err)
	}
	_, err = NewVocabulary(pieces)
	return pieces, err
}

// WriteVocabulary writes a vocab.txt, which ReadPieces and ReadVocabulary read
// back.
func WriteVocabulary(w io.Writer, pieces []string) error {
	out := bufio.NewWriter(w)
	for _, p := range pieces {
		_, _ = out.WriteString(p + "\n") // a failure shows in Flush
	}
	return out.Flush()
}

// tokenizerFile is what a tokenizer.json must say.
type tokenizerFile struct {
	Normalizer struct {
		Type         string `json:"type"`
		CleanText    *bool  `json:"clean_text"`
		Chinese      *bool  `json:"handle_chinese_chars"`
		StripAccents *bool  `json:"strip_accents"`
		Lowercase    *bool  `json:"lowercase"`
	} `json:"normalizer"`
	PreTokenizer struct {
		Type string `json:"type"`
	} `json:"pre_tokenizer"`
	Model struct {
		Type    string         `json:"type"`
		Unknown string         `json:"unk_token"`
		Prefix  string         `json:"continuing_subword_prefix"`
		Longest int            `json:"max_input_chars_per_word"`
		Vocab   map[string]int `json:"vocab"`
	} `json:"model"`
	Added []struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
	} `json:"added_tokens"`
}

func readTokenizer(data []byte) ([]string, error) {
	var t tokenizerFile
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("%w: tokenizer.json: %w", ErrVocabulary, err)
	}
	no := func(b *bool) bool { return b != nil && !*b }
	n, m := t.Normalizer, t.Model
	for _, c := range []struct {
		differs bool
		what    string
	}{
		{m.Type != "" && m.Type != "WordPiece", "a model of type " + m.Type},
		{n.Type != "BertNormalizer" || no(n.CleanText) || no(n.Chinese) || no(n.StripAccents) || no(n.Lowercase), "a normalizer that is not BERT's lower-casing one"},
		{t.PreTokenizer.Type != "BertPreTokenizer", "a pre-tokenizer of type " + t.PreTokenizer.Type},
		{m.Unknown != unknownToken, "the unknown token " + m.Unknown},
		{m.Prefix != continuation, "the continuation prefix " + m.Prefix},
		{m.Longest != maxWordRunes, fmt.Sprintf("words of up to %d characters", m.Longest)},
	} {
		if c.differs {
			return nil, fmt.Errorf("%w: tokenizer.json has %s; SAT's is BERT's lower-casing WordPiece", ErrVocabulary, c.what)
		}
	}
	for _, a := range t.Added {
		if id, ok := m.Vocab[a.Content]; ok && id != a.ID {
			return nil, fmt.Errorf("%w: tokenizer.json gives %q the ids %d and %d", ErrVocabulary, a.Content, id, a.ID)
		}
		if m.Vocab == nil {
			m.Vocab = map[string]int{}
		}
		m.Vocab[a.Content] = a.ID
	}
	if len(m.Vocab) > maxVocabulary {
		return nil, fmt.Errorf("%w: more than %d pieces", ErrVocabulary, maxVocabulary)
	}
	pieces := make([]string, len(m.Vocab))
	taken := make([]bool, len(pieces))
	for piece, id := range m.Vocab {
		if id < 0 || id >= len(pieces) || taken[id] {
			return nil, fmt.Errorf("%w: tokenizer.json has %d pieces and the id %d twice or out of line", ErrVocabulary, len(pieces), id)
		}
		if strings.ContainsAny(piece, "\n\r") || len(piece) >= maxLineBytes {
			return nil, fmt.Errorf("%w: piece %d of tokenizer.json fits no line of a vocab.txt", ErrVocabulary, id)
		}
		pieces[id], taken[id] = piece, true
	}
	_, err := NewVocabulary(pieces)
	return pieces, err
}
