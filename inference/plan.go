package inference

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Statuses of a term in a plan.
const (
	Segmentable    = "segmentable"     // a class exists for it
	Composable     = "composable"      // a union of classes covers it, wholly or in part
	NotSegmentable = "not_segmentable" // known, and no class covers it
	Ambiguous      = "ambiguous"       // the text may mean several terms
	Unknown        = "unknown"         // the text means no term
)

// Plan is the answer to a query: what can be done for each asked term, and the
// calls that do it. It is deterministic for one tree and one set of classes.
// Its JSON is what `satgraph resolve --json` prints.
type Plan struct {
	Query    string     `json:"query"`
	Modality Modality   `json:"modality"` // empty: every modality
	Terms    []TermPlan `json:"terms"`
	Calls    []Call     `json:"calls"`

	resolver *Resolver
}

// TermPlan says what can be done for one asked term.
type TermPlan struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"` // for an unknown or ambiguous term, the asked text
	Status     string      `json:"status"`
	Classes    []string    `json:"classes"`            // names of the classes whose union is the term's mask
	Subtract   []string    `json:"subtract,omitempty"` // names of the classes whose masks are taken out of it ("heart without its ventricles")
	Missing    []string    `json:"missing"`            // names of the parts that no class covers
	Reason     string      `json:"reason"`
	Candidates []Candidate `json:"candidates,omitempty"` // of an ambiguous or unknown term

	ask target // what was asked for, to plan it again for a model
}

// Candidate is a term that a text may have meant.
type Candidate struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Call is one prompt to give to a model.
type Call struct {
	Class    string   `json:"class"`
	Prompt   string   `json:"prompt"`
	Modality Modality `json:"modality"`
}

// Count says how many of the plan's terms have a status.
func (p *Plan) Count(status string) int {
	n := 0
	for i := range p.Terms {
		if p.Terms[i].Status == status {
			n++
		}
	}
	return n
}

// Prompts makes a plan of class prompts named directly, without the tree: for a
// caller who knows the model. A class is taken as given; whether the model
// knows it is for ForModel to say.
func Prompts(m Modality, classes ...string) *Plan {
	p := &Plan{Query: strings.Join(classes, ", "), Modality: m, Terms: []TermPlan{}, Calls: []Call{}}
	seen := map[string]bool{}
	for _, name := range classes {
		name = key(name)
		if name == "" || seen[name] {
			continue
		}
		seen[name] = true
		p.Terms = append(p.Terms, TermPlan{Name: name, Status: Segmentable, Classes: []string{name}, Missing: []string{}})
		p.Calls = append(p.Calls, Call{Class: name, Prompt: name, Modality: m})
	}
	return p
}

// CheckPrompt says why a class prompt cannot be one of a model's: it is empty,
// longer than a manifest may have it, not UTF-8 or holds control characters.
// The error wraps ErrPrompt.
func CheckPrompt(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("%w: it is empty", ErrPrompt)
	case len(name) > maxPromptBytes:
		return fmt.Errorf("%w: it has %d bytes, at most %d are taken", ErrPrompt, len(name), maxPromptBytes)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not UTF-8 text", ErrPrompt)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w: %q holds control characters", ErrPrompt, abbreviate(name))
	}
	return nil
}

// ForModel narrows a plan to what one model knows. Terms that lose their class
// are composed of others that the model has where that is possible; else they
// become not segmentable with a reason that names the model. A plan without a
// modality takes the model's, if it has only one.
//
// Errors: ErrUnknownModality when the modality must be said; with a plan:
// *UnknownTermError and *RefusalError as Resolve.
func (p *Plan) ForModel(man *Manifest) (*Plan, error) {
	m := p.Modality
	if m == "" {
		if len(man.Modalities) != 1 {
			return nil, fmt.Errorf("%w: say which modality the scan is (%s)", ErrUnknownModality, sayModalities(man.Modalities))
		}
		m = man.Modalities[0]
	}
	out := &Plan{Query: p.Query, Modality: m, Terms: make([]TermPlan, len(p.Terms)), Calls: []Call{}, resolver: p.resolver}
	var narrow *Resolver
	var c, whole *cover
	if p.resolver != nil {
		narrow = p.resolver.narrow(man)
		c, whole = narrow.newCover(), p.resolver.newCover()
	}
	for i := range p.Terms {
		old := &p.Terms[i]
		switch {
		case old.Status == Unknown || old.Status == Ambiguous:
			out.Terms[i] = *old
		case c == nil && old.ID != "":
			out.Terms[i] = keptFor(old, man, m)
		case old.ask.id == "" || c == nil:
			out.Terms[i] = promptFor(old, man, m)
		default:
			out.Terms[i] = c.plan(old.ask, m)
			t := &out.Terms[i]
			full := whole.plan(old.ask, m)
			switch {
			case t.Status != NotSegmentable:
			case full.Status == NotSegmentable:
				t.Reason = full.Reason
			default:
				t.Reason = notTrained(man, full.Classes, m)
			}
		}
	}
	if narrow != nil {
		narrow.fillCalls(out)
	}
	if narrow == nil {
		out.keepCalls(p, m)
	}
	for i := range out.Terms {
		if t := &out.Terms[i]; t.ID == "" && len(t.Classes) == 1 {
			for _, class := range slices.Concat(t.Classes, t.Subtract) {
				if call := (Call{Class: class, Prompt: class, Modality: m}); !slices.Contains(out.Calls, call) {
					out.Calls = append(out.Calls, call)
				}
			}
		}
	}
	return out, out.verdict()
}

// keepCalls takes over the calls that a plan which was read back has for its
// terms.
func (p *Plan) keepCalls(old *Plan, m Modality) {
	for _, call := range old.Calls {
		if call.Modality == m && slices.ContainsFunc(p.Terms, func(t TermPlan) bool {
			return t.ID != "" && (slices.Contains(t.Classes, call.Class) || slices.Contains(t.Subtract, call.Class))
		}) {
			p.Calls = append(p.Calls, call)
		}
	}
}

// keptFor keeps a term of a plan that was read back, which has no tree to be
// planned anew with, as long as the model knows all that it is made of.
func keptFor(old *TermPlan, man *Manifest, m Modality) TermPlan {
	t := *old
	lost := slices.ContainsFunc(slices.Concat(t.Classes, t.Subtract), func(class string) bool { return !man.Knows(class, m) })
	if lost {
		t.Status, t.Reason = NotSegmentable, notTrained(man, old.Classes, m)
		t.Classes, t.Subtract = []string{}, nil
	}
	return t
}

// promptFor keeps a term that is asked by its class prompt, and what was refused
// for whatever model.
func promptFor(old *TermPlan, man *Manifest, m Modality) TermPlan {
	t := *old
	if len(t.Classes) == 0 {
		return t
	}
	lost := slices.ContainsFunc(slices.Concat(t.Classes, t.Subtract), func(class string) bool { return !man.Knows(class, m) })
	if len(t.Classes) == 1 && !lost {
		return t
	}
	t.Status, t.Reason = NotSegmentable, notTrained(man, old.Classes, m)
	t.Classes, t.Subtract = []string{}, nil
	return t
}

func notTrained(man *Manifest, classes []string, m Modality) string {
	if !slices.Contains(man.Modalities, m) {
		return fmt.Sprintf("the model %q takes %s only", man.Name, sayModalities(man.Modalities))
	}
	what := "this class"
	if len(classes) > 1 {
		what = "these classes"
	}
	return fmt.Sprintf("the model %q was not trained on %s (%s)", man.Name, what, abridge(classes))
}

func abridge(list []string) string {
	const show = 4
	if len(list) <= show {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:show], ", "), len(list)-show)
}

// narrow is the resolver of a model: the corpus's classes that it knows, and
// the classes that its manifest anchors itself.
func (r *Resolver) narrow(man *Manifest) *Resolver {
	var kept []Class
	for _, list := range r.byName {
		for _, c := range list {
			if man.Knows(c.Name, c.Modality) {
				kept = append(kept, c)
			}
		}
	}
	for _, p := range man.Prompts {
		if p.TermID == "" {
			continue
		}
		for _, m := range p.Modalities {
			anchored := slices.ContainsFunc(r.byName[key(p.Name)], func(c Class) bool { return c.Modality == m })
			if !anchored {
				kept = append(kept, Class{Name: p.Name, Modality: m, TermID: p.TermID})
			}
		}
	}
	return NewResolver(r.tree, kept)
}
