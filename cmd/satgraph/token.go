package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"satgraph/api/auth"
	"satgraph/cmd/satgraph/internal/config"
)

func (a *app) tokenCommand() *cobra.Command {
	return group("token", "API tokens of the service: who may use it, and for what",
		a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand())
}

// tokenDocument is a token as it is shown: without its hash.
type tokenDocument struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Role    auth.Role         `json:"role"`
	Scopes  []auth.Permission `json:"scopes"`
	State   string            `json:"state"` // active, expired or revoked
	Created time.Time         `json:"created"`
	By      string            `json:"by"`
	Expires time.Time         `json:"expires,omitzero"`
	Revoked time.Time         `json:"revoked,omitzero"`
	Used    time.Time         `json:"used,omitzero"`
	Token   string            `json:"token,omitempty"` // when it is made, and never again
}

func documentOf(t *auth.Token, now time.Time) tokenDocument {
	scopes := t.Scopes
	if scopes == nil {
		scopes = t.Role.Permissions()
	}
	return tokenDocument{
		ID: t.ID, Name: t.Name, Role: t.Role, Scopes: scopes, State: t.State(now),
		Created: t.Created, By: t.By, Expires: t.Expires, Revoked: t.Revoked, Used: t.Used,
	}
}

// tokenLog says where tokens that are made and revoked are put down.
type tokenLog struct{ audit, data string }

func (o *tokenLog) settings() config.Table {
	return config.Table{{Settings: []*config.Setting{
		config.New("audit", &o.audit, "", `file of the audit log, or "none" (default: audit.jsonl in the data folder)`),
		config.New("data", &o.data, "", "data folder of the service (default: the home folder)"),
	}}}
}

// put opens the audit log, has do change a token, and puts that down. Where that
// fails undo takes it back, if it is given.
func (o *tokenLog) put(a *app, action string, do func() (id string, err error), undo func(id string) error) (err error) {
	path := o.audit
	if path == "none" {
		_, err := do()
		return err
	}
	if path == "" {
		data := o.data
		if data == "" {
			if data, err = a.dataDir(); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(data, 0o750); err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
		path = filepath.Join(data, "audit.jsonl")
	}
	log, err := auth.OpenAudit(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	id, err := do()
	if err != nil {
		return err
	}
	local := auth.Local(account())
	err = log.Record(auth.Event{Subject: local.Subject, Name: local.Name, Role: local.Role, Action: action, Object: "id=" + id, Outcome: "ok"})
	if err != nil && undo != nil {
		return errors.Join(err, undo(id))
	}
	return err
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var to tokenLog
	table := to.settings()
	var role, lifetime string
	var scopes []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token for a person or a program, and print it once",
		Example: `  satgraph token create "Ada Lovelace" --role curator --expires 90d
  satgraph token create viewer-app --role viewer --scope read --expires never`,
		Args:        args(cobra.ExactArgs(1)),
		Annotations: map[string]string{ownSettings: "yes"},
		RunE: func(cmd *cobra.Command, given []string) error {
			if _, err := a.configure(table); err != nil {
				return err
			}
			r, err := auth.ParseRole(role)
			if err != nil {
				return usageError{err}
			}
			permitted, err := auth.ParseScopes(r, scopes)
			if err != nil {
				return usageError{err}
			}
			life, err := parseLifetime(lifetime)
			if err != nil {
				return usageError{err}
			}
			ctx := cmd.Context()
			return a.withStore(ctx, func(store treeStore) error {
				var text string
				var token auth.Token
				err := to.put(a, "token.create", func() (string, error) {
					text, token, err = auth.Issue(ctx, store, given[0], r, permitted, life, account())
					return token.ID, err
				}, func(id string) error { return store.RevokeToken(ctx, id, time.Now()) })
				if err != nil {
					return err
				}
				doc := documentOf(&token, time.Now())
				if asJSON {
					doc.Token = text
					return a.printJSON(doc)
				}
				a.printToken(&doc)
				a.printf("\n%s\n\nIt is shown this once. Send it as: Authorization: Bearer %s…\n", text, auth.Prefix)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", string(auth.Viewer), "viewer, curator, reviewer or admin; each may do what those before it may")
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "narrow the role to read, segment, curate, review or administer (default: all that the role gives)")
	cmd.Flags().StringVar(&lifetime, "expires", "90d", `how long it is valid, such as 12h, 90d, or "never"`)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	table.AddFlags(cmd.Flags())
	return cmd
}

func (a *app) tokenListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tokens, revoked and expired ones too; their secrets are not kept",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.withStore(ctx, func(store treeStore) error {
				tokens, err := store.AllTokens(ctx)
				if err != nil {
					return err
				}
				docs := make([]tokenDocument, len(tokens))
				for i := range tokens {
					docs[i] = documentOf(&tokens[i], time.Now())
				}
				if asJSON {
					return a.printJSON(map[string]any{"tokens": docs})
				}
				for i := range docs {
					a.printToken(&docs[i])
				}
				if len(docs) == 0 {
					a.printf("no token yet; 'satgraph token create NAME' makes one\n")
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	var to tokenLog
	table := to.settings()
	cmd := &cobra.Command{
		Use:         "revoke ID",
		Short:       "End a token for good; running services notice within seconds",
		Args:        args(cobra.ExactArgs(1)),
		Annotations: map[string]string{ownSettings: "yes"},
		RunE: func(cmd *cobra.Command, given []string) error {
			if _, err := a.configure(table); err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withStore(ctx, func(store treeStore) error {
				err := to.put(a, "token.revoke", func() (string, error) {
					return given[0], store.RevokeToken(ctx, given[0], time.Now())
				}, nil) // one that is not put down is revoked all the same
				if err != nil {
					return err
				}
				a.printf("token %s is revoked\n", given[0])
				return nil
			})
		},
	}
	table.AddFlags(cmd.Flags())
	return cmd
}

func (a *app) printToken(t *tokenDocument) {
	words := make([]string, len(t.Scopes))
	for i, p := range t.Scopes {
		words[i] = string(p)
	}
	a.printf("%s  %-8s %-9s %s: %s", t.ID, t.State, t.Role, t.Name, strings.Join(words, " "))
	switch {
	case !t.Revoked.IsZero():
		a.printf("; revoked %s", t.Revoked.Local().Format(time.DateTime))
	case t.Expires.IsZero():
		a.printf("; never expires")
	default:
		a.printf("; expires %s", t.Expires.Local().Format(time.DateTime))
	}
	if !t.Used.IsZero() {
		a.printf("; last seen %s", t.Used.Local().Format("2006-01-02 15h"))
	}
	a.printf("\n")
}

// parseLifetime reads "never", days such as 90d, or a duration of Go; 0 is
// never.
func parseLifetime(text string) (time.Duration, error) {
	if text == "never" {
		return 0, nil
	}
	var life time.Duration
	var err error
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		const mostDays = 100 * 365
		if n > mostDays {
			err = fmt.Errorf("more than %d days", mostDays)
		}
		life = time.Duration(n) * 24 * time.Hour
	} else {
		life, err = time.ParseDuration(text)
	}
	if err != nil || life <= 0 {
		return 0, fmt.Errorf("--expires %q: want such as 12h, 90d, or never", text)
	}
	return life, nil
}

// account is who runs the program, as the system knows them.
func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}
