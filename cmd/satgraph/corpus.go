package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/graph"
)

func (a *app) corpusCommand() *cobra.Command {
	return group("corpus", "Look at the training corpus",
		a.corpusClassesCommand(), a.corpusBuildCommand(), a.corpusStatsCommand(), a.corpusDiffCommand(), a.corpusCardCommand(), a.corpusGatesCommand(),
		a.corpusExportCommand(),
	)
}

// classDocument is one (modality, class) pair of 'corpus classes --json'.
type classDocument struct {
	Name      string            `json:"name"`
	Modality  catalog.Modality  `json:"modality"`
	Term      classTermDocument `json:"term"`
	Region    string            `json:"region"`
	Abnormal  bool              `json:"abnormal"`
	Predicate catalog.Predicate `json:"predicate"`
	Site      string            `json:"site"` // id of the place that a finding lies in; empty for anatomy
	SiteName  string            `json:"siteName,omitempty"`
	Reason    string            `json:"reason,omitempty"`
}

type classTermDocument struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Base       string           `json:"base"`
	Kind       graph.Kind       `json:"kind"`
	Laterality graph.Laterality `json:"laterality"`
}

func (a *app) corpusClassesCommand() *cobra.Command {
	var asJSON bool
	var modality string
	cmd := &cobra.Command{
		Use:   "classes",
		Short: "List the corpus's (modality, class) pairs and the terms they stand for",
		Long: `List the corpus's (modality, class) pairs and the terms they stand for.

The predicate says how near the term is: exact, close (datasets draw a little
more or less), broad (the term is broader than the class) or narrow. A class
whose term is not in the present tree is listed with the term's id alone.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"", "ct", "mri", "pet"}, modality) {
				return usageError{fmt.Errorf("--modality %q: want ct, mri or pet", modality)}
			}
			docs, err := a.classDocuments(cmd.Context(), catalog.Modality(modality))
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(map[string]any{"classes": docs})
			}
			a.printClasses(docs)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringVar(&modality, "modality", "", "only the classes of ct, mri or pet")
	return cmd
}

func (a *app) classDocuments(ctx context.Context, only catalog.Modality) ([]classDocument, error) {
	tree, err := a.openTree(ctx)
	if err != nil {
		return nil, err
	}
	classes, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	docs := []classDocument{}
	for _, c := range classes {
		if only != "" && c.Modality != only {
			continue
		}
		doc := classDocument{Name: c.Name, Modality: c.Modality, Region: c.Region, Abnormal: c.Abnormal, Predicate: c.Predicate, Reason: c.Reason}
		doc.Term = classTermDocument{ID: c.TermID, Base: c.TermID}
		if term, ok := tree.Term(c.TermID); ok {
			doc.Term.Name, doc.Term.Kind, doc.Term.Laterality = term.Name, term.Kind, term.Laterality
			if base, ok := tree.Base(c.TermID); ok {
				doc.Term.Base = base
			}
			if sites := tree.Parents(c.TermID, graph.LocatedIn); len(sites) > 0 {
				site, _ := tree.Term(sites[0])
				doc.Site, doc.SiteName = site.ID, site.Name
			}
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

func (a *app) printClasses(docs []classDocument) {
	for _, d := range docs {
		name := d.Term.Name
		if name == "" {
			name = "(not in this tree)"
		}
		a.printf("%-4s %-45s %-6s %-16s %s", d.Modality, d.Name, d.Predicate, d.Term.ID, name)
		if d.SiteName != "" {
			a.printf(", in %s", d.SiteName)
		}
		a.printf("\n")
	}
}
