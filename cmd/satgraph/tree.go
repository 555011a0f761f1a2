package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/graph/build"
	"satgraph/graph/treefile"
	"satgraph/ingest"
)

func (a *app) treeCommand() *cobra.Command {
	return group("tree", "Look at the anatomy tree, and build it",
		a.treeStatsCommand(), a.treeShowCommand(), a.treeSearchCommand(), a.treeBuildCommand())
}

func (a *app) treeStatsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count the tree's terms and relations",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			tree, err := a.openTree(cmd.Context())
			if err != nil {
				return err
			}
			s := tree.Stats()
			if asJSON {
				return a.printJSON(s)
			}
			a.printf("revision   %s\nterms      %d\n", tree.Revision(), s.Terms)
			for _, r := range graph.RelationTypes() {
				a.printf("%-10s %d\n", r, s.Relations[r])
			}
			a.printf("roots      %d\nmax depth  %d\n", s.Roots, s.MaxDepth)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// termDocument is what 'tree show --json' prints of one term.
type termDocument struct {
	ID         string             `json:"id"`
	Name       string             `json:"name"`
	Kind       graph.Kind         `json:"kind"`
	Laterality graph.Laterality   `json:"laterality,omitempty"`
	Definition string             `json:"definition,omitempty"`
	Synonyms   []synonymDocument  `json:"synonyms,omitempty"`
	Xrefs      []string           `json:"xrefs,omitempty"`
	Parents    []relationDocument `json:"parents,omitempty"`
	Children   []childDocument    `json:"children,omitempty"`
}

type synonymDocument struct {
	Text  string      `json:"text"`
	Scope graph.Scope `json:"scope"`
}

type relationDocument struct {
	Relation graph.RelationType `json:"relation"`
	ID       string             `json:"id"`
	Name     string             `json:"name"`
}

type childDocument struct {
	relationDocument
	Children []childDocument `json:"children,omitempty"`
}

func (a *app) treeShowCommand() *cobra.Command {
	var asJSON bool
	var relation string
	var depth int
	cmd := &cobra.Command{
		Use:   "show TERM",
		Short: "Show a term, named by id or name, with its parents and children",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			types, err := relationTypes(relation)
			if err != nil {
				return err
			}
			if depth < 0 {
				return usageError{fmt.Errorf("--depth %d: want 0 or more", depth)}
			}
			tree, err := a.openTree(cmd.Context())
			if err != nil {
				return err
			}
			term, err := findTerm(tree, given[0])
			if err != nil {
				return err
			}
			doc := describe(tree, term, types, depth)
			if asJSON {
				return a.printJSON(doc)
			}
			a.printTerm(doc)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringVar(&relation, "relation", "any", "relations to follow: is_a, part_of, located_in or any")
	cmd.Flags().IntVar(&depth, "depth", 1, "levels of children to show")
	return cmd
}

func relationTypes(name string) ([]graph.RelationType, error) {
	if name == "any" {
		return graph.RelationTypes(), nil
	}
	for _, r := range graph.RelationTypes() {
		if string(r) == name {
			return []graph.RelationType{r}, nil
		}
	}
	return nil, usageError{fmt.Errorf("--relation %q: want is_a, part_of, located_in or any", name)}
}

// findTerm takes an id or a name. A text that several terms answer to equally
// well is refused with their ids.
func findTerm(tree *graph.Tree, text string) (*graph.Term, error) {
	best := graph.Best(tree.Lookup(text))
	switch len(best) {
	case 0:
		hint := ""
		if hits := tree.Search(text, 3); len(hits) > 0 {
			var near []string
			for _, h := range hits {
				near = append(near, fmt.Sprintf("%q", h.Text))
			}
			hint = "; near it: " + strings.Join(near, ", ")
		}
		return nil, fmt.Errorf("%w: %q%s", graph.ErrUnknownTerm, text, hint)
	case 1:
		term, _ := tree.Term(best[0].ID)
		return term, nil
	}
	var ids []string
	for _, m := range best {
		term, _ := tree.Term(m.ID)
		ids = append(ids, fmt.Sprintf("%s (%s)", term.ID, term.Name))
	}
	return nil, refusal{fmt.Errorf("%q may mean %s: name one by its id", text, strings.Join(ids, ", "))}
}

func describe(tree *graph.Tree, term *graph.Term, types []graph.RelationType, depth int) termDocument {
	doc := termDocument{
		ID: term.ID, Name: term.Name, Kind: term.Kind, Laterality: term.Laterality,
		Definition: term.Definition, Xrefs: term.Xrefs,
	}
	for _, s := range term.Synonyms {
		doc.Synonyms = append(doc.Synonyms, synonymDocument{s.Text, s.Scope})
	}
	for _, r := range types {
		for _, id := range tree.Parents(term.ID, r) {
			doc.Parents = append(doc.Parents, relate(tree, r, id))
		}
	}
	doc.Children = children(tree, term.ID, types, depth)
	return doc
}

func relate(tree *graph.Tree, r graph.RelationType, id string) relationDocument {
	doc := relationDocument{Relation: r, ID: id}
	if term, ok := tree.Term(id); ok {
		doc.Name = term.Name
	}
	return doc
}

func children(tree *graph.Tree, id string, types []graph.RelationType, depth int) []childDocument {
	if depth == 0 {
		return nil
	}
	var out []childDocument
	for _, r := range types {
		for _, child := range tree.SortByName(tree.Children(id, r)) {
			out = append(out, childDocument{relate(tree, r, child), children(tree, child, types, depth-1)})
		}
	}
	return out
}

func (a *app) printTerm(doc termDocument) {
	a.printf("%s  %s  (%s", doc.ID, doc.Name, doc.Kind)
	if doc.Laterality != graph.Unsided {
		a.printf(", %s", doc.Laterality)
	}
	a.printf(")\n")
	if doc.Definition != "" {
		a.printf("  %s\n", doc.Definition)
	}
	for _, s := range doc.Synonyms {
		a.printf("  synonym     %s [%s]\n", s.Text, strings.ToLower(string(s.Scope)))
	}
	if len(doc.Xrefs) > 0 {
		a.printf("  xrefs       %s\n", strings.Join(doc.Xrefs, " "))
	}
	for _, p := range doc.Parents {
		a.printf("  %-11s %s  %s\n", p.Relation, p.ID, p.Name)
	}
	a.printChildren(doc.Children, "  ")
}

func (a *app) printChildren(list []childDocument, indent string) {
	for _, c := range list {
		a.printf("%s◂ %-9s %s  %s\n", indent, c.Relation, c.ID, c.Name)
		a.printChildren(c.Children, indent+"    ")
	}
}

// hitDocument is one line of 'tree search --json'.
type hitDocument struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Matched string  `json:"matched"`
	How     string  `json:"how"`
	Score   float64 `json:"score"`
}

func (a *app) treeSearchCommand() *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "search TEXT",
		Short: "Find terms by words of their names and synonyms",
		Args:  args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			tree, err := a.openTree(cmd.Context())
			if err != nil {
				return err
			}
			text := strings.Join(given, " ")
			hits := []hitDocument{}
			for _, h := range tree.Search(text, limit) {
				term, _ := tree.Term(h.ID)
				hits = append(hits, hitDocument{h.ID, term.Name, h.Text, h.How.String(), h.Score})
			}
			if asJSON {
				return a.printJSON(map[string]any{"query": text, "hits": hits})
			}
			if len(hits) == 0 {
				return fmt.Errorf("%w: nothing in the tree matches %q", graph.ErrUnknownTerm, text)
			}
			for _, h := range hits {
				a.printf("%-16s %s", h.ID, h.Name)
				if h.Matched != h.Name {
					a.printf("  (%s: %s)", h.How, h.Matched)
				}
				a.printf("\n")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().IntVar(&limit, "limit", 20, "terms to print at most")
	return cmd
}

func (a *app) treeBuildCommand() *cobra.Command {
	var facts, out string
	cmd := &cobra.Command{
		Use:   "build --facts FILE -o FILE",
		Short: "Choose the tree's 6,502 terms again from an extract of Uberon",
		Long: `Choose the tree's 6,502 terms again from an extract of Uberon.

The extract is a TSV (also gzipped) with the columns id, name, is_a, part_of,
exact_synonyms, other_synonyms, xrefs. The rule and its reviewed tables are in
graph/build. The same extract gives the same bytes.`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if facts == "" || out == "" {
				return usageError{errors.New("give the extract with --facts and the file to write with -o")}
			}
			source, err := ingest.ReadUberonTSV(facts, ingest.Limits{})
			if err != nil {
				return err
			}
			anchors, err := classAnchors()
			if err != nil {
				return err
			}
			snapshot, counts, err := build.Build(build.Source{Terms: source.Terms, Relations: source.Relations}, anchors, build.Size)
			if err != nil {
				return err
			}
			if err := treefile.WriteFile(out, snapshot); err != nil {
				return err
			}
			a.printf("%s: %d terms, %d relations, revision %s\n", out, len(snapshot.Terms), len(snapshot.Relations), snapshot.Revision)
			a.printf("of %d source terms %d were barred; %d are needed by corpus classes (%d of them the project's own), %d were chosen by evidence of %d or more\n",
				counts.Source, counts.Barred, counts.Required, counts.Project, counts.Evidence, counts.Lowest)
			return nil
		},
	}
	cmd.Flags().StringVar(&facts, "facts", "", "the extract of Uberon")
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write")
	return cmd
}

// classAnchors names the terms that corpus classes stand for.
func classAnchors() ([]build.Anchor, error) {
	classes, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	anchors := make([]build.Anchor, len(classes))
	for i, c := range classes {
		anchors[i] = build.Anchor{Name: c.Name, TermID: c.TermID, Exact: c.Predicate == catalog.Exact}
	}
	return anchors, nil
}
