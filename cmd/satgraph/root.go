package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"satgraph/cmd/satgraph/internal/config"
	"satgraph/volume"
)

const version = "0.1.0"

// app holds what every command shares: where to print, and the flags that
// stand before the command's name.
type app struct {
	out, err io.Writer
	log      *slog.Logger
	store    string
	settings string // the file of settings
	home     string // folder of what is kept, where one is set
	neo4j    struct{ username, password string }
	verbose  bool
	global   config.Table // settings of every command
}

// run parses args, runs the command they name and returns the exit code.
// Results go to stdout; progress, logs and errors go to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{out: stdout, err: stderr}
	root := a.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		_, _ = fmt.Fprintln(stderr, "satgraph:", message(err))
	}
	return exitCode(err)
}

func (a *app) rootCommand() *cobra.Command {
	a.global = a.globalSettings()
	root := group("satgraph", "Anatomy tree, and text-prompted segmentation of radiology scans",
		a.demoCommand(),
		a.serveCommand(), a.workerCommand(), a.jobsCommand(),
		a.mcpCommand(),
		a.configCommand(),
		a.backupCommand(),
		a.restoreCommand(),
		a.tokenCommand(),
		a.resolveCommand(),
		a.segmentCommand(),
		a.treeCommand(),
		a.labelsCommand(),
		a.datasetsCommand(),
		a.corpusCommand(),
		a.modelCommand(),
		a.volumeCommand(),
		a.metricsCommand(),
		a.phantomCommand(),
	)
	root.Version = version
	root.SilenceUsage = true
	root.SilenceErrors = true
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		level := slog.LevelWarn
		if a.verbose {
			level = slog.LevelDebug
		}
		a.log = slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
		if err := onDisk(cmd.Flags()); err != nil {
			return err
		}
		if cmd.Annotations[ownSettings] != "" {
			return nil // it has settings of its own, and reads all together
		}
		return a.configurePresets(cmd.Flags())
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	a.global.AddFlags(root.PersistentFlags())
	root.PersistentFlags().StringVar(&a.settings, "config", "", "file of settings (default: $"+configEnv+")")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "log what is done to stderr")
	return root
}

// onDisk refuses the URL of an object store as the place of a command's output,
// which would else become a folder of that name.
func onDisk(flags *pflag.FlagSet) error {
	for _, name := range []string{"out", "output"} {
		if f := flags.Lookup(name); f != nil && volume.IsURL(f.Value.String()) {
			return usageError{fmt.Errorf("--%s %s: what the program writes lies on a disk; name a folder or file there, and copy it with the store's own tools", name, f.Value)}
		}
	}
	return nil
}

// group is a command that only holds others: alone it prints its help, and a
// word that is none of them is wrong usage.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				return usageError{fmt.Errorf("unknown command %q; see '%s --help'", given[0], cmd.CommandPath())}
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(commands...)
	return cmd
}

// args wraps a cobra argument check so that its failure counts as wrong usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usageError{fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())}
		}
		return nil
	}
}

func (a *app) printf(format string, values ...any) {
	_, _ = fmt.Fprintf(a.out, format, values...)
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
