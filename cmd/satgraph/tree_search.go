package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/graph"
)

// hitDocument is one line of 'tree search --json'.
type hitDocument struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Matched string   `json:"matched"`
	How     string   `json:"how"`
	Score   float64  `json:"score"`
	Reasons []string `json:"reasons"`
}

func (a *app) treeSearchCommand() *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "search TEXT",
		Short: "Find terms by names, abbreviations, Latin, misspelt words, and say why",
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
				hits = append(hits, hitDocument{h.ID, term.Name, h.Text, h.How.String(), h.Score, h.Reasons})
			}
			if asJSON {
				return a.printJSON(map[string]any{"query": text, "hits": hits})
			}
			if len(hits) == 0 {
				return fmt.Errorf("%w: nothing in the tree matches %q", graph.ErrUnknownTerm, text)
			}
			for _, h := range hits {
				a.printf("%.2f  %-16s %s  (%s)\n", h.Score, h.ID, h.Name, strings.Join(h.Reasons, "; "))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().IntVar(&limit, "limit", 20, "terms to print at most")
	return cmd
}
