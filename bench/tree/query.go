package main

import (
	"math/rand/v2"
	"strings"

	"satgraph/graph"
)

// queries makes what people ask: names as they are, without some of their words,
// in another order, single words, words begun, abbreviations, and things that are
// not in the tree; and names with one letter of a word or of two wrong.
func queries(tree *graph.Tree) (plain, misspelt []string) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // not for secrets
	terms := tree.Terms()
	fixed := []string{"LV", "T12", "L5-S1", "left kidney", "heart", "muscle", "left", "artery", "wall", "part of", "cortex", "qwerty", "banana split", "ren sinister", "cranial nerve VII", "LeftKidney", "vena cava inferior", "kidn", "vent", "left vent"}
	for i := range 2000 {
		words := strings.Fields(terms[random.IntN(len(terms))].Name)
		switch i % 6 {
		case 0:
			plain = append(plain, fixed[random.IntN(len(fixed))])
		case 1:
			random.Shuffle(len(words), func(a, b int) { words[a], words[b] = words[b], words[a] })
			plain = append(plain, strings.Join(words, " "))
		case 2:
			plain = append(plain, words[random.IntN(len(words))])
		case 3:
			at := random.IntN(len(words))
			plain = append(plain, strings.Join(append(words[:at:at], words[at+1:]...), " "))
		case 4:
			end := words[len(words)-1]
			words[len(words)-1] = end[:max(1, len(end)*2/3)]
			plain = append(plain, strings.Join(words, " "))
		default:
			plain = append(plain, strings.Join(words, " "))
		}
		words = strings.Fields(terms[random.IntN(len(terms))].Name)
		for range 1 + random.IntN(2) {
			at := random.IntN(len(words))
			words[at] = slip(random, words[at])
		}
		misspelt = append(misspelt, strings.Join(words, " "))
	}
	return plain, misspelt
}

// slip drops, doubles, swaps or changes a letter of a word that is long enough.
func slip(random *rand.Rand, w string) string {
	if len(w) < 5 {
		return w
	}
	at := 1 + random.IntN(len(w)-3)
	switch random.IntN(4) {
	case 0:
		return w[:at] + w[at+1:]
	case 1:
		return w[:at] + w[at:at+1] + w[at:]
	case 2:
		return w[:at] + w[at+1:at+2] + w[at:at+1] + w[at+2:]
	default:
		return w[:at] + "e" + w[at+1:]
	}
}
