package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

var fixture = sync.OnceValues(func() (*graph.Tree, *suggest.Engine) {
	s, err := builtin.Snapshot()
	if err != nil {
		panic(err)
	}
	tree, err := s.Tree()
	if err != nil {
		panic(err)
	}
	corpus, err := catalog.Classes()
	if err != nil {
		panic(err)
	}
	classes := make([]suggest.Class, len(corpus))
	for i, c := range corpus {
		classes[i] = suggest.Class{Name: c.Name, Modality: string(c.Modality), TermID: c.TermID, Predicate: labelmap.Predicate(c.Predicate)}
	}
	return tree, suggest.New(tree, classes)
})

// sitting is a review of a dataset in a ledger in memory.
type sitting struct {
	*model
	t      *testing.T
	ledger *labelmap.Memory
}

func sit(t *testing.T, actor string, ledger *labelmap.Memory) *sitting {
	t.Helper()
	tree, engine := fixture()
	c := Config{
		Tree: tree, Book: labelmap.NewBook(ledger, "test"), Dataset: "D", Actor: actor, Tool: "test",
		Suggest: func(states []labelmap.State) (map[string]*suggest.Result, error) {
			var labels []labelmap.RawLabel
			for i := range states {
				labels = append(labels, *states[i].Label)
			}
			out := map[string]*suggest.Result{}
			for _, r := range engine.Suggest(labels, 9) {
				out[r.Label.Key()] = &r
			}
			return out, nil
		},
	}
	m, err := newModel(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s := &sitting{m, t, ledger}
	s.run(m.Init())
	return s
}

// labels makes a ledger with labels of the names, valued 1, 2, 3 …
func labels(t *testing.T, names ...string) *labelmap.Memory {
	t.Helper()
	ledger := labelmap.NewMemory()
	var entries []labelmap.Entry
	for i, n := range names {
		l := &labelmap.RawLabel{Dataset: "D", Values: []int64{int64(i + 1)}, Name: n, Modality: "ct", Line: i + 1}
		entries = append(entries, labelmap.Entry{Subject: subject(l.Key()), Action: labelmap.ActImport, Label: l})
	}
	if _, err := labelmap.NewBook(ledger, "test").Write(t.Context(), "importer", entries...); err != nil {
		t.Fatal(err)
	}
	return ledger
}

func subject(key string) labelmap.Subject {
	return labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "D", Key: key}
}

// run carries out a command and what follows from it.
func (s *sitting) run(cmd tea.Cmd) {
	for cmd != nil {
		_, cmd = s.Update(cmd())
	}
}

var named = map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "space": tea.KeySpace, "down": tea.KeyDown, "up": tea.KeyUp, "backspace": tea.KeyBackspace}

// press presses keys, named ones by name, and lets what they start end.
func (s *sitting) press(keys ...string) {
	s.t.Helper()
	for _, k := range keys {
		msg := tea.KeyPressMsg{}
		switch code, ok := named[k]; {
		case ok:
			msg.Code = code
			if k == "space" {
				msg.Text = " "
			}
		case strings.HasPrefix(k, "ctrl+"):
			msg.Code, msg.Mod = rune(k[5]), tea.ModCtrl
		default:
			r, _ := utf8.DecodeRuneInString(k)
			msg.Code, msg.Text = r, k
		}
		_, cmd := s.Update(msg)
		s.run(cmd)
	}
}

func (s *sitting) typeText(text string) {
	s.t.Helper()
	for _, r := range text {
		if r == ' ' {
			s.press("space")
		} else {
			s.press(string(r))
		}
	}
}

func (s *sitting) state(key string) labelmap.State {
	s.t.Helper()
	st, err := s.Book.State(s.t.Context(), subject(key))
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// stands says what a label was decided to be.
func (s *sitting) stands(key string) string {
	s.t.Helper()
	st := s.state(key)
	if st.Verdict == nil {
		return string(st.Status)
	}
	return meant(st.Verdict)
}

func (s *sitting) want(key, want string) {
	s.t.Helper()
	if got := s.stands(key); got != want {
		s.t.Errorf("%s stands for %q, want %q; the review says %q", key, got, want, s.message)
	}
}

// lines are what the screen shows, without styles.
func (s *sitting) lines() []string { return strings.Split(ansi.Strip(s.View().Content), "\n") }

func (s *sitting) sees(text string) {
	s.t.Helper()
	if !strings.Contains(strings.Join(s.lines(), "\n"), text) {
		s.t.Errorf("the screen does not show %q:\n%s", text, strings.Join(s.lines(), "\n"))
	}
}

func TestDecisions(t *testing.T) {
	s := sit(t, "ann", labels(t, "liver", "right kidney", "left kidney", "background", "kidneys", "odd thing"))
	s.sees("0 of 6 settled")
	s.press("a")
	s.want("1 liver", "exact liver")
	if st := s.state("1 liver"); st.Votes[0].Comment == "" || st.Votes[0].Actor != "ann" {
		t.Errorf("the reason is lost: %+v", st.Votes)
	}
	if events, err := s.Book.History(t.Context(), subject("1 liver")); err != nil || events[1].Suggestion == nil || events[1].Suggestion.Rank != 1 {
		t.Errorf("what was suggested is lost: %+v, %v", events, err)
	}
	s.press("1")
	s.want("2 right kidney", "exact right kidney")
	s.press("p", "enter")
	s.want("3 left kidney", "close left kidney")
	s.press("0")
	s.want("4 background", "no term")
	if s.choice.predicate != "" {
		t.Error("the predicate of the last label is kept for this one")
	}
	// Several targets, found by typing.
	s.press("s")
	s.typeText("left kidney")
	s.press("tab")
	s.typeText("rt kidney")
	s.sees("right kidney")
	s.press("tab", "enter")
	s.want("5 kidneys", "exact left kidney and exact right kidney")
	s.press("r")
	s.want("6 odd thing", "exact left kidney and exact right kidney")
	s.press("u")
	s.want("6 odd thing", "open")
	s.press("ctrl+r")
	s.want("6 odd thing", "exact left kidney and exact right kidney")
	s.press("U")
	s.want("6 odd thing", "open")
	s.press("f")
	s.typeText("what is it?")
	s.press("enter")
	if st := s.state("6 odd thing"); len(st.Flags) != 1 || st.Flags[0].Comment != "what is it?" {
		t.Errorf("flags: %+v", st.Flags)
	}
	s.press("F", "c")
	s.typeText("asked the authors")
	s.press("enter")
	if st := s.state("6 odd thing"); len(st.Flags) != 0 || st.Version != 8 {
		t.Errorf("unflagged and commented: %+v", st)
	}
	if s.decided != 10 { // 6 verdicts, one of them taken back, flag, unflag, comment
		t.Errorf("%d decisions", s.decided)
	}
}

func TestRejectAndOneOf(t *testing.T) {
	s := sit(t, "ann", labels(t, "left kidney"))
	first := s.current().suggestions()[0].TermID
	s.press("x")
	if st := s.state("1 left kidney"); st.Status != labelmap.Open || !st.IsRejected(first) {
		t.Errorf("rejected: %+v", st)
	}
	s.press("tab", "tab", "tab")
	s.sees("reject by ann: exact left kidney")
	s.press("m", "s")
	s.typeText("UBERON:0002107")
	s.press("tab")
	s.typeText("spleen")
	s.press("enter")
	s.want("1 left kidney", "exact liver or exact spleen")
}

func TestNewTerm(t *testing.T) {
	s := sit(t, "ann", labels(t, "calyceal thing"))
	s.press("w")
	for range len("calyceal thing") {
		s.press("backspace")
	}
	s.typeText("renal calyx stone")
	s.press("enter", "ctrl+t")
	s.typeText("left kidney")
	s.press("enter")
	s.want("1 calyceal thing", "new term wanted: renal calyx stone")
	v := s.state("1 calyceal thing").Verdict
	set, err := labelmap.ProposedTerm(s.Tree, v)
	if err != nil || len(set.Changes) != 2 || set.Changes[1].Relation.Type != graph.PartOf {
		t.Errorf("the change set: %+v, %v", set, err)
	}
	s.press("w")
	for range len("calyceal thing") {
		s.press("backspace")
	}
	s.typeText("liver")
	s.press("enter", "enter")
	s.sees("the tree has this term already")
}

func TestFilterSortAndBulk(t *testing.T) {
	s := sit(t, "ann", labels(t, "liver", "spleen", "label_7", "pancreas", "gallbladder"))
	s.press("/")
	s.typeText("spl")
	s.press("enter")
	if len(s.shown) != 1 {
		t.Errorf("filtered to %d", len(s.shown))
	}
	s.press("esc", "t", "t", "t", "t")
	if s.status != doubtful || len(s.shown) != 1 {
		t.Errorf("no answer: %d labels", len(s.shown))
	}
	s.press("esc", "o")
	if got := s.current().state.Subject.Key; got != "3 label_7" {
		t.Errorf("sorting lost the label: %s", got)
	}
	s.press("o", "o", "o", "o", "A")
	s.sees("accept 4 of the 5 labels shown")
	s.sees("open > settled  exact spleen")
	s.want("2 spleen", "open")
	s.press("esc")
	s.want("2 spleen", "open")
	s.press("A", "y")
	s.want("2 spleen", "exact spleen")
	s.want("3 label_7", "open")
	s.press("u")
	s.want("5 gallbladder", "open")
	s.press("g", "space", "space", "0")
	s.sees("no term, for 2 labels")
	s.press("y")
	s.want("1 liver", "no term")
	s.want("2 spleen", "no term")
	s.want("4 pancreas", "open")
}

// Somebody decides between a reviewer's look and key: both versions are shown.
func TestConflict(t *testing.T) {
	ledger := labels(t, "liver", "spleen")
	s := sit(t, "ann", ledger)
	bob := func(key string, version int64) {
		t.Helper()
		if _, err := labelmap.NewBook(ledger, "other").Write(t.Context(), "bob", labelmap.Entry{
			Subject: subject(key), Version: version, Action: labelmap.ActDecide, Verdict: &labelmap.Verdict{Outcome: labelmap.NoTerm}, Comment: "not drawn",
		}); err != nil {
			t.Fatal(err)
		}
	}
	bob("1 liver", 1)
	s.press("a")
	s.sees("yours, which was not written")
	s.sees("decide by ann: exact liver")
	s.sees("decide by bob: no term  (not drawn)")
	s.want("1 liver", "no term")
	s.press("esc")
	s.want("1 liver", "no term")
	s.sees("bob says no term")
	bob("2 spleen", 1)
	s.press("A", "y") // the bulk was gathered on what was seen
	s.want("2 spleen", "no term")
	s.press("esc", "R", "g", "a")
	s.want("1 liver", "exact liver")
	s.press("G", "a")
	s.want("2 spleen", "exact spleen")
}

func TestConflictOverruled(t *testing.T) {
	ledger := labels(t, "liver")
	s := sit(t, "ann", ledger)
	if _, err := labelmap.NewBook(ledger, "other").Write(t.Context(), "bob", labelmap.Entry{
		Subject: subject("1 liver"), Version: 1, Action: labelmap.ActFlag, Comment: "look again",
	}); err != nil {
		t.Fatal(err)
	}
	s.press("a", "y")
	s.want("1 liver", "exact liver")
}

// Two reviewers, and a third who settles what they disagree on.
func TestAdjudication(t *testing.T) {
	ledger := labels(t, "liver")
	policy := labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: "D"}
	if _, err := labelmap.NewBook(ledger, "test").Write(t.Context(), "chief", labelmap.Entry{Subject: policy, Action: labelmap.ActPolicy, Reviewers: 2}); err != nil {
		t.Fatal(err)
	}
	sit(t, "ann", ledger).press("a")
	bob := sit(t, "bob", ledger)
	bob.sees("1  1 liver")
	bob.press("0")
	bob.want("1 liver", "disputed")
	carol := sit(t, "carol", ledger)
	carol.sees("your decision settles it")
	carol.press("a")
	carol.want("1 liver", "exact liver")
	if st := carol.state("1 liver"); st.Adjudication == nil || st.SettledBy[0] != "carol" {
		t.Errorf("settled by %v", st.SettledBy)
	}
}

// Whatever a label is called, the screen keeps its shape and no sequence gets
// through to the terminal.
func TestHostileNames(t *testing.T) {
	odd := []string{
		"\x1b[2J\x1b[31mred\x1b]0;owned\a", "a\u009b31mb", "evil\u202egnp.exe", "כליה שמאל", "左肾脏 影像",
		strings.Repeat("long ", 20_000), "tab\tand\nnewline", "👨‍👩‍👧 e\u0301" + strings.Repeat("\u0301", 300), "<script>", "=1+1",
	}
	s := sit(t, "ann", labels(t, odd...))
	for _, size := range [][2]int{{80, 24}, {200, 50}, {40, 12}, {41, 13}, {10, 3}, {120, 30}, {1, 1}} {
		_, cmd := s.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		s.run(cmd)
		for range odd {
			for range panes {
				s.press("tab")
				content := s.View().Content
				if strings.ContainsAny(ansi.Strip(content), "\x1b\a\u009b\u202e\t\r") || !utf8.ValidString(content) {
					t.Fatalf("at %v a sequence gets through: %q", size, content)
				}
				if strings.Contains(content, "\x1b]") || strings.Contains(content, "\x1b[2J") {
					t.Fatalf("at %v a sequence gets through: %q", size, content)
				}
				lines := s.lines()
				if len(lines) > size[1] {
					t.Fatalf("at %v the screen has %d lines", size, len(lines))
				}
				for _, line := range lines {
					if w := ansi.StringWidth(line); w > size[0] {
						t.Fatalf("at %v a line is %d wide: %q", size, w, line)
					}
				}
			}
			s.press("j")
		}
		s.press("?", "?", "g", "A", "esc", "s", "k", "esc")
	}
}

func TestEmptyAndFailing(t *testing.T) {
	s := sit(t, "ann", labels(t, "liver"))
	s.press("/")
	s.typeText("nothing like it")
	s.press("enter", "a", "x", "0", "space", "n", "U", "tab", "j", "G")
	s.sees("no label here")
	s.want("1 liver", "open")
	s.press("esc")
	s.Book = labelmap.NewBook(broken{s.ledger}, "test")
	s.press("a")
	s.sees("disk full")
	s.want("1 liver", "open")
	_, cmd := s.Update(tea.KeyPressMsg{Code: 'q', Text: "q"})
	if cmd == nil || fmt.Sprintf("%T", cmd()) != "tea.QuitMsg" {
		t.Error("q does not leave")
	}
}

// broken is a ledger that cannot be written to.
type broken struct{ labelmap.Ledger }

func (broken) Append(context.Context, []labelmap.Event) ([]labelmap.Event, error) {
	return nil, errors.New("disk full\x1b[31m")
}

func TestNoTerminal(t *testing.T) {
	if _, err := Run(t.Context(), Config{}, strings.NewReader("q"), &bytes.Buffer{}); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("without a terminal: %v", err)
	}
}

// A whole program on streams: what a slow terminal gets stays small.
func TestBytesOfAKey(t *testing.T) {
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf("structure %d", i))
	}
	s := sit(t, "ann", labels(t, names...))
	in, keys := io.Pipe()
	var out counter
	p := tea.NewProgram(s.model, tea.WithInput(in), tea.WithOutput(&out), tea.WithWindowSize(80, 24), tea.WithoutSignalHandler(), tea.WithContext(t.Context()))
	done := make(chan error, 1)
	go func() { _, err := p.Run(); done <- err }()
	out.settle(t)
	before := out.count()
	if _, err := keys.Write([]byte("j")); err != nil {
		t.Fatal(err)
	}
	out.settle(t)
	if n := out.count() - before; n == 0 || n > 1500 {
		t.Errorf("moving by one label sends %d bytes", n)
	}
	if _, err := keys.Write([]byte("q")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// counter counts what is written.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += len(p)
	return len(p), nil
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// settle waits until nothing was written for a while, after something was.
func (c *counter) settle(t *testing.T) {
	t.Helper()
	start, last := c.count(), -1
	for range 100 {
		time.Sleep(100 * time.Millisecond)
		now := c.count()
		if now == last && now > start {
			return
		}
		last = now
	}
	t.Fatal("the screen does not come to rest")
}
