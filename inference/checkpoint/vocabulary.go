package checkpoint

import (
	"fmt"
	"os"

	"satgraph/inference/text"
)

// readVocabulary reads the pieces, whose number must be that of the text
// encoder's word embeddings: a vocabulary of another model would give other
// words' vectors without a word.
func readVocabulary(path string, rows int) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	pieces, err := text.ReadPieces(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(pieces) != rows {
		return nil, fmt.Errorf("%w: %s has %d pieces, the text encoder embeds %d", ErrPair, path, len(pieces), rows)
	}
	return pieces, nil
}
