package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"satgraph/cmd/satgraph/internal/config"
	"satgraph/inference/onnx"
)

// otherEnv are names in the environment that begin like settings and are none.
var otherEnv = []string{configEnv, onnx.LibraryEnv, "SATGRAPH_AUTHOR"}

func (a *app) configCommand() *cobra.Command {
	return group("config", "Check and show the settings of all commands", a.configCheckCommand(), a.configShowCommand(), a.configExampleCommand())
}

// settingsCommand is a command that takes the flags of serve, and gets the
// settings of all commands as they count.
func (a *app) settingsCommand(use, short string, run func(effective []config.Effective, all config.Table, err error) error) *cobra.Command {
	o := new(serveOptions)
	table := a.serveSettings(o)
	cmd := &cobra.Command{
		Use:         use,
		Short:       short,
		Args:        args(cobra.NoArgs),
		Annotations: map[string]string{ownSettings: "yes"},
		RunE: func(*cobra.Command, []string) error {
			all := a.everySetting(table)
			effective, err := a.configure(all[len(a.global):])
			if err == nil {
				err = o.together()
			}
			return run(effective, all, err)
		},
	}
	table.AddFlags(cmd.Flags())
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := a.settingsCommand("check", "Name everything that is wrong with the settings", func(_ []config.Effective, all config.Table, err error) error {
		strange := all.UnknownEnv(os.Environ(), otherEnv)
		if asJSON {
			document := map[string]any{"ok": err == nil, "problems": []config.Problem{}, "unknownEnvironment": strange}
			if bad, ok := errors.AsType[*config.Error](err); ok {
				document["problems"] = bad.Problems
			}
			return errors.Join(a.printJSON(document), err)
		}
		for _, pair := range strange {
			hint := ""
			if pair[1] != "" {
				hint = "; did you mean " + pair[1] + "?"
			}
			_, _ = fmt.Fprintf(a.err, "satgraph: the environment sets %s, which is no setting%s\n", pair[0], hint)
		}
		if err == nil {
			a.printf("all settings can be used\n")
		}
		return err
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) configShowCommand() *cobra.Command {
	var asJSON bool
	cmd := a.settingsCommand("show", "Show the settings as they count, and where each comes from", func(effective []config.Effective, _ config.Table, err error) error {
		if err != nil {
			return err
		}
		if asJSON {
			return a.printJSON(effective)
		}
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		for _, e := range effective {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", e.Key, strings.ToValidUTF8(e.Value, "?"), e.Source)
		}
		return w.Flush()
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) configExampleCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use:   "example",
		Short: "Print a file with every setting at its default",
		Args:  args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			all := a.everySetting(a.serveSettings(new(serveOptions)))
			if markdown {
				a.printf("%s", all.Markdown())
				return nil
			}
			a.printf("%s", all.Example())
			return nil
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print the table of the documentation instead")
	return cmd
}
