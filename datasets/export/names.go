package export

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Names gives out names that are safe for a format, each once, and knows what
// they stand for. The zero value is ready for use.
type Names struct {
	// Allowed are the characters that may be kept beside letters and digits of
	// ASCII; every other becomes Instead, or goes where that is empty.
	Allowed, Instead string
	// Most is how many characters a name may have; 0 for 100.
	Most int

	originals map[string]string // by safe name, in lower case
	safe      map[string]string // by original
}

// Safe is the name for an original: the same each time it is asked. Where two
// originals would share one (also by their case alone), the later gets a hash of
// its own behind its name.
func (n *Names) Safe(original string) string {
	if s, ok := n.safe[original]; ok {
		return s
	}
	if n.safe == nil {
		n.safe, n.originals = map[string]string{}, map[string]string{}
	}
	s := n.clean(original)
	if _, taken := n.originals[strings.ToLower(s)]; taken || s == "" {
		s += n.Instead + Hash(original)[:8]
	}
	n.safe[original], n.originals[strings.ToLower(s)] = s, original
	return s
}

// Reserve keeps names from being given out.
func (n *Names) Reserve(names ...string) {
	if n.safe == nil {
		n.safe, n.originals = map[string]string{}, map[string]string{}
	}
	for _, s := range names {
		n.originals[strings.ToLower(s)] = ""
	}
}

// Originals are the originals by the names given out for them.
func (n *Names) Originals() map[string]string {
	out := make(map[string]string, len(n.safe))
	for original, s := range n.safe {
		out[s] = original
	}
	return out
}

func (n *Names) clean(s string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(n.Allowed, r):
			b.WriteRune(r)
		case !strings.HasSuffix(b.String(), n.Instead) || n.Instead == "":
			b.WriteString(n.Instead)
		}
	}
	out := strings.Trim(b.String(), "-_. ")
	most := n.Most
	if most == 0 {
		most = 100
	}
	if len(out) > most {
		out = out[:most-9] + n.Instead + Hash(s)[:8]
	}
	return out
}

// Hash is the SHA-256 of a text in hexadecimal digits.
func Hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
