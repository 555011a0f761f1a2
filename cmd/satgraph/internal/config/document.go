package config

import (
	"fmt"
	"strings"
)

// Markdown is the table for the documentation.
func (t Table) Markdown() string {
	var b strings.Builder
	for _, g := range t {
		fmt.Fprintf(&b, "**%s**\n\n| setting | in the environment | default | what it is |\n|---|---|---|---|\n", g.Title)
		for _, s := range g.Settings {
			name := "`" + s.Key + "`"
			if s.noFlag {
				name += " (no flag)"
			}
			if s.flag != "" {
				name += " (`--" + s.flag + "`)"
			}
			initial := ""
			if s.initial != "" && s.initial != "[]" {
				initial = "`" + s.initial + "`"
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", name, s.Env, initial, strings.ReplaceAll(s.Help, "|", `\|`))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Example is a file with every setting at its default, as comments.
func (t Table) Example() string {
	var b strings.Builder
	b.WriteString("# Settings of satgraph, at their defaults. Take the # away and change what you need;\n" +
		"# 'satgraph config check --config FILE' says whether all is well.\n")
	for _, g := range t {
		fmt.Fprintf(&b, "\n## %s\n", g.Title)
		for _, s := range g.Settings {
			fmt.Fprintf(&b, "\n# %s\n", s.Help)
			switch {
			case s.secret:
				fmt.Fprintf(&b, "#%s-file: /run/secrets/%s\n", s.Key, s.Key)
			case s.initial == "":
				fmt.Fprintf(&b, "#%s: \"\"\n", s.Key)
			default:
				fmt.Fprintf(&b, "#%s: %s\n", s.Key, s.initial)
			}
		}
	}
	return b.String()
}
