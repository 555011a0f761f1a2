// Package text cuts prompts into the token ids that SAT's text encoder was
// trained with: BERT's lower-casing WordPiece over the vocabulary of an
// MPNet-style model, with [CLS] and [SEP] around a prompt.
//
// It reads nothing but a vocabulary file and knows no model. Start from
// [ReadVocabulary].
package text

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxTokens is the longest sequence of ids; longer prompts are cut to it and
// end with [SEP] all the same.
const MaxTokens = 256

const maxWordRunes = 100 // longer words are unknown

// The tokens that stand around and for the words.
const (
	startToken   = "[CLS]"
	endToken     = "[SEP]"
	unknownToken = "[UNK]"
	continuation = "##"
)

// special tokens are recognised inside a cleaned prompt, each as it reads when
// it is cleaned itself. [SEP] and [CLS] are not: to the encoder's tokenizer the
// special tokens are these.
var special = []struct{ text, token string }{
	{"<s>", "<s>"},
	{"</s>", "</s>"},
	{"<pad>", "<pad>"},
	{"<mask>", "<mask>"},
	{"[unk]", unknownToken},
}

// ErrVocabulary says that a vocabulary file cannot be used.
var ErrVocabulary = errors.New("bad vocabulary")

// Vocabulary maps word pieces to ids. It is safe for concurrent use.
type Vocabulary struct {
	ids                 map[string]int64
	start, end, unknown int64
	longest             int // bytes of the longest piece
}

// ReadVocabulary reads a vocab.txt or a tokenizer.json; see ReadPieces.
func ReadVocabulary(r io.Reader) (*Vocabulary, error) {
	pieces, err := ReadPieces(r)
	if err != nil {
		return nil, err
	}
	return NewVocabulary(pieces)
}

// NewVocabulary takes the pieces in the order of their ids. The error is
// ErrVocabulary where a special token is missing.
func NewVocabulary(pieces []string) (*Vocabulary, error) {
	v := &Vocabulary{ids: make(map[string]int64, len(pieces))}
	for id, piece := range pieces {
		v.ids[piece] = int64(id)
		v.longest = max(v.longest, len(piece))
	}
	for token, id := range map[string]*int64{startToken: &v.start, endToken: &v.end, unknownToken: &v.unknown} {
		var ok bool
		if *id, ok = v.ids[token]; !ok {
			return nil, fmt.Errorf("%w: it has no %s", ErrVocabulary, token)
		}
	}
	return v, nil
}

// Len is the number of different pieces.
func (v *Vocabulary) Len() int { return len(v.ids) }

// IDs are the token ids of one prompt, [CLS] first and [SEP] last, at most
// MaxTokens. Any text will do; an empty one gives just the two.
func (v *Vocabulary) IDs(prompt string) []int64 {
	out := []int64{v.start}
	for rest := clean(prompt); rest != "" && len(out) < MaxTokens; {
		var plain, token string
		plain, token, rest = v.nextSpecial(rest)
		for _, word := range words(plain) {
			out = v.appendWord(out, word)
		}
		if token != "" {
			out = append(out, v.ids[token])
		}
	}
	return append(out[:min(len(out), MaxTokens-1)], v.end)
}

// Batch gives the ids of several prompts as one rectangle, row by row, padded
// with 0, and the mask that is 1 where an id is not 0. The width is that of the
// longest prompt.
func (v *Vocabulary) Batch(prompts []string) (ids, mask []int64, width int) {
	rows := make([][]int64, len(prompts))
	for i, p := range prompts {
		rows[i] = v.IDs(p)
		width = max(width, len(rows[i]))
	}
	ids = make([]int64, len(prompts)*width)
	mask = make([]int64, len(ids))
	for i, row := range rows {
		copy(ids[i*width:], row)
	}
	for i, id := range ids {
		if id > 0 {
			mask[i] = 1
		}
	}
	return ids, mask, width
}

// nextSpecial splits off what stands before the first special token of this
// vocabulary.
func (v *Vocabulary) nextSpecial(s string) (plain, token, rest string) {
	at, length := len(s), 0
	for _, t := range special {
		if _, ok := v.ids[t.token]; !ok {
			continue
		}
		if i := strings.Index(s, t.text); i >= 0 && i < at {
			at, length, token = i, len(t.text), t.token
		}
	}
	return s[:at], token, s[at+length:]
}

// clean normalises a text as BERT does: control characters go, every space
// becomes a plain one, CJK characters stand alone, accents are stripped (NFD
// without Mn), letters become lower case.
func clean(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == 0 || r == utf8.RuneError || isControl(r):
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case isCJK(r):
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	plain := norm.NFD.String(b.String())
	b.Reset()
	for _, r := range plain {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteString(strings.ToLower(string(r)))
		}
	}
	return b.String()
}

// words cuts a cleaned text at spaces and around punctuation.
func words(s string) []string {
	var b strings.Builder
	for _, r := range s {
		if isPunctuation(r) {
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(r)
	}
	return strings.Fields(b.String())
}

// appendWord cuts a word greedily into the longest pieces; a word with a part
// that no piece fits is unknown as a whole.
func (v *Vocabulary) appendWord(out []int64, word string) []int64 {
	if utf8.RuneCountInString(word) > maxWordRunes {
		return append(out, v.unknown)
	}
	from := len(out)
	prefix := ""
	for word != "" {
		end := min(len(word), v.longest)
		for end > 0 {
			if utf8.RuneStart(at(word, end)) {
				if id, ok := v.ids[prefix+word[:end]]; ok {
					out = append(out, id)
					break
				}
			}
			end--
		}
		if end == 0 {
			return append(out[:from], v.unknown)
		}
		word, prefix = word[end:], continuation
	}
	return out
}

// at is the byte at i, or a rune start where the word ends.
func at(word string, i int) byte {
	if i == len(word) {
		return ' '
	}
	return word[i]
}

func isControl(r rune) bool {
	if r == '\t' || r == '\n' || r == '\r' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co)
}

// isPunctuation counts every ASCII symbol, as BERT does, and Unicode's P*.
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return r > ' ' && r < 0x7f && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	return unicode.IsPunct(r)
}

// isCJK is BERT's range of Chinese characters.
func isCJK(r rune) bool {
	for _, block := range [...][2]rune{
		{0x4E00, 0x9FFF},
		{0x3400, 0x4DBF},
		{0x20000, 0x2A6DF},
		{0x2A700, 0x2B73F},
		{0x2B740, 0x2B81F},
		{0x2B920, 0x2CEAF},
		{0xF900, 0xFAFF},
		{0x2F800, 0x2FA1F},
	} {
		if r >= block[0] && r <= block[1] {
			return true
		}
	}
	return false
}
