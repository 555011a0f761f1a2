package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/inference"
	"satgraph/inference/checkpoint"
	"satgraph/inference/onnx"
)

func (a *app) modelConvertCommand() *cobra.Command {
	var o checkpoint.Options
	var out, patch, spacing string
	var noTest, asJSON bool
	cmd := &cobra.Command{
		Use:   "convert --vision FILE.pth --text FILE.pth [--vocab vocab.txt] -o BUNDLE",
		Short: "Make a model bundle from released SAT checkpoints",
		Long: `Make a model bundle from released SAT checkpoints, without Python.

Every size is read from the tensors, so SAT-Nano, SAT-Pro and other sizes of the
same networks convert alike. A checkpoint's pickle is read for plain tensors
only; whatever else it asks for is refused. The vocabulary is the vocab.txt or
tokenizer.json of the text encoder's tokenizer (BioLORD-2023-C); without
--vocab it is looked for beside the text checkpoint, and in biolord/ there.

A vision network and a text encoder are refused together where their query
widths differ, where a "pair" that both note differs, and where they were saved
at different training steps (--unpaired overrides that). Two trainings of one
width and step cannot be told apart.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for flag, value := range map[string]string{"vision": o.Vision, "text": o.Text, "output": out} {
				if value == "" {
					return usageError{fmt.Errorf("--%s is missing; see '%s --help'", flag, cmd.CommandPath())}
				}
			}
			var err error
			if o.Patch, err = triple(patch, strconv.Atoi); err != nil {
				return usageError{fmt.Errorf("--patch: %w", err)}
			}
			if o.Spacing, err = triple(spacing, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }); err != nil {
				return usageError{fmt.Errorf("--spacing: %w", err)}
			}
			if o.Vocabulary == "" {
				if o.Vocabulary, err = findVocabulary(o.Text); err != nil {
					return err
				}
			}
			if o.Modalities, o.Prompts, err = corpusPrompts(); err != nil {
				return err
			}
			if !noTest {
				o.SelfTest = a.fillSelfTest
			}
			bar := newProgress(a.err)
			o.Progress = func(done, all int64) {
				bar.update(inference.Progress{Phase: "weights", Done: int(done >> 20), Total: int(all >> 20), What: "MB"})
			}
			m, err := checkpoint.Convert(cmd.Context(), out, o)
			bar.done()
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(m)
			}
			a.printModel(m)
			a.printf("written to %s\n", out)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Vision, "vision", "", "checkpoint of the vision network (.pth)")
	f.StringVar(&o.Text, "text", "", "checkpoint of the text encoder (.pth)")
	f.StringVar(&o.Vocabulary, "vocab", "", "vocab.txt or tokenizer.json (default: looked for beside the text checkpoint)")
	f.StringVarP(&out, "output", "o", "", "folder of the bundle; must not hold anything yet")
	f.StringVar(&o.Name, "name", "", "name of the model (default: SAT-Nano or SAT-Pro by its sizes, else SAT)")
	f.StringVar(&o.Version, "version", "1", "version of the model")
	f.StringVar(&patch, "patch", "288,288,96", "window in voxels along R, A, S")
	f.StringVar(&spacing, "spacing", "1,1,3", "voxel spacing in mm along R, A, S")
	f.IntVar(&o.Heads, "heads", 8, "attention heads of the query decoder, which no tensor tells")
	f.IntVar(&o.TextHeads, "text-heads", 0, "attention heads of the text encoder (default: read from its tensors)")
	f.BoolVar(&o.Half, "fp16", false, "store weights as float16; arithmetic stays float32")
	f.BoolVar(&o.Unpaired, "unpaired", false, "convert parts that were saved at different training steps")
	f.BoolVar(&noTest, "no-self-test", false, "do not run the new networks and note what they give")
	f.BoolVar(&asJSON, "json", false, "print the manifest as one JSON document")
	return cmd
}

// fillSelfTest runs the new networks, where ONNX Runtime is there.
func (a *app) fillSelfTest(ctx context.Context, dir string, t *inference.SelfTest) error {
	err := onnx.SelfTest(ctx, os.DirFS(dir), dir, t)
	if lib, ok := errors.AsType[*onnx.LibraryError](err); ok {
		a.log.Warn("the bundle has no self-test, since ONNX Runtime cannot be used here", "why", lib)
		*t = inference.SelfTest{}
		return nil
	}
	return err
}

// triple reads three numbers with commas or x between them.
func triple[T any](s string, parse func(string) (T, error)) (out [3]T, err error) {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == 'x' })
	if len(parts) != len(out) {
		return out, fmt.Errorf("%q is not three numbers such as 288,288,96", s)
	}
	for i, p := range parts {
		if out[i], err = parse(strings.TrimSpace(p)); err != nil {
			return out, fmt.Errorf("%q is not a number", p)
		}
	}
	return out, nil
}

// findVocabulary looks beside the text checkpoint.
func findVocabulary(textCheckpoint string) (string, error) {
	dir := filepath.Dir(textCheckpoint)
	for _, name := range []string{"vocab.txt", "tokenizer.json", "biolord/vocab.txt", "biolord/tokenizer.json"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", usageError{fmt.Errorf("no vocab.txt or tokenizer.json beside %s: name the one of the text encoder's tokenizer "+
		"(BioLORD-2023-C on Hugging Face) with --vocab", textCheckpoint)}
}

// corpusPrompts are the classes that SAT was trained on, by modality.
func corpusPrompts() ([]inference.Modality, []inference.Prompt, error) {
	classes, err := catalog.Classes()
	if err != nil {
		return nil, nil, err
	}
	var modalities []inference.Modality
	var prompts []inference.Prompt
	at := map[string]int{}
	for _, c := range classes {
		m := inference.Modality(c.Modality)
		if !slices.Contains(modalities, m) {
			modalities = append(modalities, m)
		}
		i, ok := at[c.Name]
		if !ok {
			i = len(prompts)
			at[c.Name] = i
			prompts = append(prompts, inference.Prompt{Name: c.Name})
		}
		prompts[i].Modalities = append(prompts[i].Modalities, m)
	}
	slices.Sort(modalities)
	return modalities, prompts, nil
}
