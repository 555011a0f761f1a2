package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/graph/build"
	"satgraph/graph/builtin"
	"satgraph/graph/treefile"
	"satgraph/ingest"
)

func (a *app) treeBuildCommand() *cobra.Command {
	var facts, out string
	var check bool
	cmd := &cobra.Command{
		Use:   "build --facts FILE (-o FILE | --check)",
		Short: "Choose the tree's 6,502 terms again from an extract of Uberon",
		Long: `Choose the tree's 6,502 terms again from an extract of Uberon.

The extract is a TSV (also gzipped) with the columns id, name, is_a, part_of,
exact_synonyms, other_synonyms, xrefs. The rule and its reviewed tables are in
graph/build. The same extract gives the same bytes. --check builds the tree in
memory and fails unless it is, to the byte, the one that the program holds.`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if facts == "" || (out == "") != check {
				return usageError{errors.New("give the extract with --facts, and either the file to write with -o or --check")}
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
			if check {
				if err := sameAsBuiltin(snapshot); err != nil {
					return err
				}
				out = "as built in"
			} else if err := treefile.WriteFile(out, snapshot); err != nil {
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
	cmd.Flags().BoolVar(&check, "check", false, "compare with the tree that the program holds")
	return cmd
}

// sameAsBuiltin compares a snapshot with the embedded tree by their bytes.
func sameAsBuiltin(s *graph.Snapshot) error {
	var b bytes.Buffer
	if err := treefile.Write(&b, s); err != nil {
		return err
	}
	if bytes.Equal(b.Bytes(), builtin.Bytes()) {
		return nil
	}
	now, err := builtin.Snapshot()
	if err != nil {
		return err
	}
	return fmt.Errorf("the extract and the tables give another tree than the program holds: revision %s, not %s", s.Revision, now.Revision)
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
