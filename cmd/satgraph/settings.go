package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"satgraph/cmd/satgraph/internal/config"
	"satgraph/cmd/satgraph/internal/observe"
	"satgraph/inference/onnx"
)

// configEnv names the file of settings where --config does not.
const configEnv = config.Prefix + "CONFIG"

// ownSettings marks a command that reads the global settings with its own.
const ownSettings = "settings"

// globalSettings are those of every command.
func (a *app) globalSettings() config.Table {
	return config.Table{{Title: "Store", Settings: []*config.Setting{
		config.New("store", &a.store, "", "anatomy store: sqlite:PATH, or neo4j://HOST[:PORT][/DATABASE] (default: a file in the user's data folder)"),
		config.New("neo4j-username", &a.neo4j.username, "neo4j", "user of the Neo4j server").WithoutFlag().From("NEO4J_USERNAME"),
		config.New("neo4j-password", &a.neo4j.password, "", "its password; none where the server asks for none").Secret().From("NEO4J_PASSWORD"),
		config.New("home", &a.home, "", "folder of what the program keeps between runs (default: satgraph in the user's data folder)").WithoutFlag(),
	}}}
}

// serveSettings are the other settings of the service.
func (a *app) serveSettings(o *serveOptions) config.Table {
	return config.Table{
		{Title: "Service", Settings: []*config.Setting{
			config.New("addr", &o.addr, defaultAddr, "address to listen on; port 0 takes a free one", checkAddress),
			config.New("introspection", &o.introspection, true, "tell clients the GraphQL schema"),
			config.New("data", &o.data, "", "folder for uploaded scans and results (default: the home folder)"),
		}},
		{Title: "Access", Settings: o.access.settings()},
		{Title: "Models and jobs", Settings: []*config.Setting{
			config.New("model", &o.model, "", "model bundle's folder (default: the built-in demo model)"),
			config.New("remote", &o.servers, nil, remoteHelp),
			config.New("threads", &o.run.Threads, 0, "threads a job may use; 0 for all", config.Min(0)),
			config.New("workers", &o.jobs.workers, 1, "jobs that run in this process at once; 0 leaves all to 'satgraph worker'", config.Min(0)),
			config.New("job-device", &o.jobs.device, "", "device that segmentations wait for: cuda, or cpu (default: any)", checkOptionalDevice),
			config.New("attempts", &o.jobs.attempts, 3, "starts of a job under which its worker may end before the job is taken for the cause", config.Min(1)),
			config.New("nats", &o.jobs.nats, "", "NATS server with JetStream that keeps the jobs, as nats://HOST:4222 (default: one inside this process)"),
			config.New("nats-creds", &o.jobs.creds, "", "file of credentials for it"),
			config.New("nats-token", &o.jobs.token, "", "token for it, or, with nats-listen, that workers must know").WithoutFlag().Secret(),
			config.New("nats-replicas", &o.jobs.replicas, 0, "copies of the jobs that a NATS cluster keeps: 1, 3 or 5; 0 is 3 where it has three servers, else 1", checkReplicas),
			config.New("nats-listen", &o.jobs.listen, "", "address on which the server inside this process takes workers of other processes, as 127.0.0.1:4222"),
			config.New("save-every", &o.run.SaveEvery, 20*time.Second, "how often the state of a running job is saved", config.Min(time.Millisecond)),
		}},
		{Title: "Corpus", Settings: o.corpus.settings()},
		{Title: "Other work, and how long jobs are kept", Settings: o.work.settings()},
		{Title: "Log, metrics, traces, health", Settings: []*config.Setting{
			o.logs.levelSetting(),
			config.New("metrics-addr", &o.watch.addr, "", "address of the operator's side: Prometheus' /metrics, and /log-level; it has no authentication (default: none)", checkOptionalAddress),
			o.watch.endpointSetting(),
			o.watch.sampleSetting(),
			config.New("min-free-disk", &o.watch.disk, 1024, "MiB of disk below which /readyz says degraded", config.Min(0)),
			config.New("min-free-memory", &o.watch.memory, 256, "MiB of memory below which /readyz says degraded", config.Min(0)),
			o.logs.formatSetting(),
		}},
	}
}

// settings are those of the workers. Where the service has the same one, a
// file gives it to both.
func (f *workerFlags) settings() config.Table {
	return config.Table{{Title: "Workers (satgraph worker)", Settings: []*config.Setting{
		config.New("models", &f.models, "", "folder of model bundles, or one (default: the built-in demo model)"),
		config.New("worker-jobs", &f.jobs.workers, 1, "jobs that run at once", config.Min(1)).AsFlag("workers"),
		config.New("worker-name", &f.name, "", "name of the worker (default: the machine's)").AsFlag("name"),
		config.New("worker-device", &f.device, onnx.Auto, "where models run: auto, cpu or cuda", checkDevice).AsFlag("device"),
		config.New("worker-memory", &f.memory, "", "how large a job may become, such as 12GiB (default: what the machine has left)", checkBytes).AsFlag("memory"),
		config.New("worker-scratch", &f.scratch, "", "without data: folder of this worker alone (default: worker in the home folder)").AsFlag("scratch"),
		config.New("worker-cache", &f.cache, "16GiB", "without data: how much of scans is kept there", checkBytes).AsFlag("cache"),
		config.New("worker-drain", &f.drain, 10*time.Second, "how long running jobs may go on when the worker is told to stop", config.Min(time.Duration(0))).AsFlag("drain"),
		config.New("data", &f.data, "", "data folder of the service, where this worker reaches it"),
		config.New("nats", &f.jobs.nats, "", "NATS server that keeps the jobs, as nats://HOST:4222"),
		config.New("nats-creds", &f.jobs.creds, "", "file of credentials for it"),
		config.New("nats-token", &f.jobs.token, "", "token for it").WithoutFlag().Secret(),
		config.New("attempts", &f.jobs.attempts, 3, "as of serve", config.Min(1)),
		config.New("threads", &f.run.Threads, 0, "threads a job may use; 0 for all", config.Min(0)),
		config.New("save-every", &f.run.SaveEvery, 20*time.Second, "how often the state of a running job is saved", config.Min(time.Millisecond)),
		config.New("raw", &f.work.raw, nil, "as of serve", checkNamed),
		config.New("corpora", &f.work.corpora, "", "as of serve"),
		config.New("exported", &f.work.exported, "", "as of serve"),
		config.New("worker-beside", &f.work.beside, 0, "jobs of other kinds than segmentation that run at once", config.Min(0)).AsFlag("beside"),
		f.logs.levelSetting(),
		f.logs.formatSetting(),
		f.watch.endpointSetting(),
		f.watch.sampleSetting(),
	}}}
}

// settings are those of the agents' server.
func (o *mcpOptions) settings() config.Table {
	return config.Table{{Title: "Agents on this machine (satgraph mcp)", Settings: []*config.Setting{
		config.New("mcp-root", &o.root, "", "folder of scans that the agent may use, and nothing outside of it").AsFlag("root"),
		config.New("mcp-data", &o.data, "", "folder for results (default: mcp in the home folder)").AsFlag("data"),
		config.New("model", &o.model, "", "model bundle's folder (default: the built-in demo model)"),
		config.New("models", &o.models, "", "folder of more model bundles that the agent may choose from"),
		config.New("remote", &o.servers, nil, remoteHelp),
		config.New("threads", &o.threads, 0, "threads a job may use; 0 for all", config.Min(0)),
	}}}
}

// everySetting are the settings of all commands, each once.
func (a *app) everySetting(serve config.Table) config.Table {
	return slices.Concat(a.global, serve).With(new(workerFlags).settings()).With(new(mcpOptions).settings())
}

// checkReplicas wants an odd number, which a vote can be won with, or 0.
func checkReplicas(n int) error {
	if slices.Contains([]int{0, 1, 3, 5}, n) {
		return nil
	}
	return errors.New("it must be 0, 1, 3 or 5")
}

// checkBytes wants an amount of memory or nothing.
func checkBytes(text string) error {
	_, err := parseBytes(text)
	return err
}

// checkOptionalDevice wants a device that workers tell of, or nothing.
func checkOptionalDevice(text string) error {
	if text == "" || text == onnx.CPU || text == onnx.CUDA {
		return nil
	}
	return errors.New("give cpu, cuda or nothing")
}

// checkDevice wants one that models may run on.
func checkDevice(text string) error {
	if slices.Contains([]string{onnx.Auto, onnx.CPU, onnx.CUDA}, text) {
		return nil
	}
	return errors.New("give auto, cpu or cuda")
}

// checkAddress wants HOST:PORT.
func checkAddress(text string) error {
	if _, _, err := net.SplitHostPort(text); err != nil {
		return errors.New("it is no address; write it as HOST:PORT, as in 127.0.0.1:8642")
	}
	return nil
}

// checkOptionalAddress wants HOST:PORT or nothing.
func checkOptionalAddress(text string) error {
	if text == "" {
		return nil
	}
	return checkAddress(text)
}

// checkOptionalURL wants the URL of a collector or nothing.
func checkOptionalURL(text string) error {
	if text == "" {
		return nil
	}
	if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("it is no URL; write it as in http://127.0.0.1:4318/v1/traces")
	}
	return nil
}

// logOptions say what is logged and how.
type logOptions struct {
	level, format string
	now           slog.LevelVar // changed while the service runs
}

func (o *logOptions) levelSetting() *config.Setting {
	return config.New("log-level", &o.level, "info", "least level that is logged: debug, info, warn or error; -v is debug", config.OneOf("debug", "info", "warn", "error"))
}

func (o *logOptions) formatSetting() *config.Setting {
	return config.New("log-format", &o.format, "text", "form of the log's lines: text or json", config.OneOf("text", "json"))
}

func (o *watchOptions) endpointSetting() *config.Setting {
	return config.New("trace-endpoint", &o.endpoint, "", "URL of an OTLP/HTTP collector of traces, as in http://127.0.0.1:4318/v1/traces (default: none)", checkOptionalURL)
}

func (o *watchOptions) sampleSetting() *config.Setting {
	return config.New("trace-sample", &o.sample, 1, "share of requests that is traced, from 0 to 1", config.Min(0.0), config.Max(1.0))
}

// logger makes the service's or a worker's log.
func (o *logOptions) logger(w io.Writer, verbose bool) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.level)); err != nil || verbose {
		level = slog.LevelDebug
	}
	o.now.Set(level)
	options := &slog.HandlerOptions{Level: &o.now}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if o.format == "json" {
		handler = slog.NewJSONHandler(w, options)
	}
	return slog.New(observe.Logged(handler))
}

// configure reads the global settings and a command's own.
func (a *app) configure(own config.Table) ([]config.Effective, error) {
	input := config.Input{File: a.settings, Lookup: os.LookupEnv, Known: a.everySetting(a.serveSettings(new(serveOptions))).Keys()}
	if input.File == "" {
		input.File = os.Getenv(configEnv)
	}
	return slices.Concat(a.global, own).Load(input)
}

// preset has a flag of a command take its value from the setting of its name
// where it is not given.
func preset(flags *pflag.FlagSet, name string) {
	if err := flags.SetAnnotation(name, ownSettings, []string{name}); err != nil {
		panic(err) // the command has no such flag
	}
}

// configurePresets reads the global settings and those that flags of a command
// take their values from.
func (a *app) configurePresets(flags *pflag.FlagSet) error {
	group, values := config.Group{}, map[string]*string{}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Annotations[ownSettings] == nil || f.Changed {
			return
		}
		values[f.Name] = new(string)
		group.Settings = append(group.Settings, config.New(f.Name, values[f.Name], "", f.Usage).WithoutFlag())
	})
	if _, err := a.configure(config.Table{group}); err != nil {
		return err
	}
	for name, value := range values {
		if *value == "" {
			continue
		}
		if err := flags.Set(name, *value); err != nil {
			return err
		}
	}
	return nil
}
