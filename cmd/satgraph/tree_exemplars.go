package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/volume"
)

func (a *app) treeExemplarsCommand() *cobra.Command {
	return group("exemplars", "Pictures of terms: slices of imported scans where a mask shows the structure",
		a.exemplarsAddCommand(), a.exemplarsListCommand(), a.exemplarsRemoveCommand())
}

func (a *app) exemplarsAddCommand() *cobra.Command {
	var dataset, modality, term string
	var value uint16
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add SCAN MASK --dataset NAME --modality ct|mri|pet",
		Short: "Note the slice that shows most of each labelled structure",
		Long: `Note the slice that shows most of each labelled structure.

MASK is a label map on the grid of SCAN. With --term, the voxels of --value show
that term; without, what the dataset's labels were settled as says which values
show which terms ('labels accept'). The slice is the axial one with the largest
area. The store keeps the files' names and the slice, no voxels.`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			switch modality {
			case "ct", "mri", "pet":
			default:
				return usageError{fmt.Errorf("--modality %q: use ct, mri or pet", modality)}
			}
			if dataset == "" {
				return usageError{errors.New("--dataset is missing")}
			}
			ctx := cmd.Context()
			return a.withStore(ctx, func(store treeStore) error {
				shown, err := a.shownTerms(ctx, store, dataset, term, value)
				if err != nil {
					return err
				}
				list, err := exemplarsOf(given[0], given[1], shown)
				if err != nil {
					return err
				}
				for i := range list {
					list[i].Dataset, list[i].Modality = dataset, modality
				}
				added, err := store.AddExemplars(ctx, list)
				if err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(map[string]any{"exemplars": list, "added": added})
				}
				a.printf("%d structures seen, %d of them new exemplars\n", len(list), added)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&dataset, "dataset", "", "the dataset that the scan belongs to")
	cmd.Flags().StringVar(&modality, "modality", "", "ct, mri or pet")
	cmd.Flags().StringVar(&term, "term", "", "the term that the mask shows, by name or id (default: by the dataset's settled labels)")
	cmd.Flags().Uint16Var(&value, "value", 1, "the mask's value that shows --term")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// shownTerms says which term each value of a dataset's label maps shows.
func (a *app) shownTerms(ctx context.Context, store treeStore, dataset, term string, value uint16) (map[uint16]string, error) {
	snapshot, err := store.Load(ctx)
	if err != nil {
		return nil, err
	}
	tree, err := snapshot.Tree()
	if err != nil {
		return nil, err
	}
	d := &desk{tree: tree}
	if term != "" {
		id, err := d.term(term)
		return map[uint16]string{value: id}, err
	}
	ledger, ok := store.(labelmap.Ledger)
	if !ok {
		return nil, usageError{errors.New("this store keeps no decisions on labels: give --term")}
	}
	states, err := labelmap.NewBook(ledger, tool).States(ctx, dataset, labelmap.SubjectLabel)
	if err != nil {
		return nil, err
	}
	shown := map[uint16]string{}
	for _, s := range states {
		if s.Verdict == nil || len(s.Verdict.Targets) != 1 || s.Label == nil || s.Verdict.Targets[0].Predicate != labelmap.Exact {
			continue
		}
		for _, v := range s.Label.Values {
			if v > 0 && v <= 0xffff {
				shown[uint16(v)] = s.Verdict.Targets[0].TermID
			}
		}
	}
	if len(shown) == 0 {
		return nil, refusal{fmt.Errorf("no label of %s with a value is settled: settle them, or give --term", dataset)}
	}
	return shown, nil
}

// exemplarsOf finds for each value the axial slice with most of its voxels.
func exemplarsOf(scan, mask string, shown map[uint16]string) ([]graph.Exemplar, error) {
	info, err := volume.ReadInfo(scan)
	if err != nil {
		return nil, err
	}
	labels, err := volume.ReadLabelMap(mask, volume.ReadOptions{})
	if err != nil {
		return nil, err
	}
	const slack = 1e-3
	if len(info.Shape) < 3 || !labels.Equal(volume.Grid{Shape: [3]int(info.Shape[:3]), Affine: info.Affine}, slack) {
		return nil, usageError{fmt.Errorf("%s is not on the grid of %s: shapes %v and %v", mask, scan, labels.Shape, info.Shape)}
	}
	axis := slices.IndexFunc([]byte(labels.Orientation()), func(c byte) bool { return c == 'S' || c == 'I' })
	if axis < 0 {
		return nil, usageError{fmt.Errorf("%s has no axis that runs up the body (orientation %s)", mask, labels.Orientation())}
	}
	counts := map[uint16][]int{}
	n := 0
	for k := range labels.Shape[2] {
		for j := range labels.Shape[1] {
			for i := range labels.Shape[0] {
				v := labels.Data[n]
				n++
				if shown[v] == "" {
					continue
				}
				if counts[v] == nil {
					counts[v] = make([]int, labels.Shape[axis])
				}
				counts[v][[3]int{i, j, k}[axis]]++
			}
		}
	}
	var out []graph.Exemplar
	for v, areas := range counts {
		out = append(out, graph.Exemplar{
			TermID: shown[v], Scan: scan, Mask: fmt.Sprintf("%s#%d", mask, v), Axis: axis, Slice: slices.Index(areas, slices.Max(areas)),
		})
	}
	slices.SortFunc(out, func(a, b graph.Exemplar) int { return strings.Compare(a.TermID, b.TermID) })
	return out, nil
}

func (a *app) exemplarsListCommand() *cobra.Command {
	var dataset string
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [TERM]",
		Short: "List exemplars, of one term or of all",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			ctx := cmd.Context()
			return a.withStore(ctx, func(store treeStore) error {
				q := graph.ExemplarQuery{Dataset: dataset, Limit: limit}
				snapshot, err := store.Load(ctx)
				if err != nil {
					return err
				}
				tree, err := snapshot.Tree()
				if err != nil {
					return err
				}
				if len(given) == 1 {
					id, err := (&desk{tree: tree}).term(given[0])
					if err != nil {
						return err
					}
					q.Terms = []string{id}
				}
				list, err := store.FindExemplars(ctx, q)
				if err != nil {
					return err
				}
				if asJSON {
					if list == nil {
						list = []graph.Exemplar{}
					}
					return a.printJSON(map[string]any{"exemplars": list})
				}
				for _, e := range list {
					t, _ := tree.Term(e.TermID)
					a.printf("%s  %-30s %s, %s: slice %d on axis %d of %s, mask %s\n", e.ID, t.Name, e.Dataset, e.Modality, e.Slice, e.Axis, e.Scan, e.Mask)
				}
				a.printf("%d exemplars\n", len(list))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&dataset, "dataset", "", "only of this dataset")
	cmd.Flags().IntVar(&limit, "limit", 100, "exemplars to list at most")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) exemplarsRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove DATASET",
		Short: "Forget the exemplars of a dataset",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withStore(cmd.Context(), func(store treeStore) error {
				n, err := store.RemoveExemplars(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				a.printf("%d exemplars forgotten\n", n)
				return nil
			})
		},
	}
}
