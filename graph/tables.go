package graph

import (
	_ "embed" // the tables
	"strings"
	"sync"
)

//go:embed tables/words.tsv
var wordsTSV string

//go:embed tables/phrases.tsv
var phrasesTSV string

// thesaurus is what Search knows of words beyond the tree: tables/*.tsv, folded.
type thesaurus struct {
	words   map[string][]equivalent
	phrases map[string][]phrase
	longest int // words of the longest phrase
}

// equivalent is another word for a word.
type equivalent struct {
	word string
	why  string // "Latin", "adjective", "direction", "plain word", "spelling"
}

// phrase is what an abbreviation or a name of several words stands for.
type phrase struct {
	words   []string // folded
	means   string
	capital string // the phrase in capitals, if it counts only so
}

// knownWords is the parsed tables; they are part of the program, and a test
// holds them to their form.
var knownWords = sync.OnceValue(func() *thesaurus {
	t := &thesaurus{words: map[string][]equivalent{}, phrases: map[string][]phrase{}}
	add := func(word, means, why string) {
		if word != means {
			t.words[word] = append(t.words[word], equivalent{means, why})
		}
	}
	for f := range rows(wordsTSV) {
		word, means := foldWord(f[0]), foldWord(f[1])
		add(word, means, f[2])
		if f[2] == "adjective" || f[2] == "direction" {
			add(means, word, f[2])
		}
	}
	for f := range rows(phrasesTSV) {
		words := Words(f[0])
		p := phrase{words: Words(f[1]), means: f[1]}
		if f[2] == "upper" {
			p.capital = f[0]
		}
		key := strings.Join(words, " ")
		t.phrases[key] = append(t.phrases[key], p)
		t.longest = max(t.longest, len(words))
	}
	return t
})

// rows yields the fields of each line of a table that is no comment.
func rows(table string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(table) {
			line = strings.TrimSuffix(line, "\n")
			if line == "" || line[0] == '#' {
				continue
			}
			if !yield(strings.Split(line, "\t")) {
				return
			}
		}
	}
}
