package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/graph/builtin"
)

// inStore runs the program on a store of its own.
type inStore struct {
	t     *testing.T
	store string
}

func (s inStore) run(want int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	code, stdout, stderr := satgraph(s.t, append([]string{"--store", s.store}, args...)...)
	if code != want {
		s.t.Fatalf("%v: exit code %d, want %d\n%s", args, code, want, stderr)
	}
	return stdout, stderr
}

func (s inStore) decode(doc any, args ...string) {
	s.t.Helper()
	out, _ := s.run(exitDone, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), doc); err != nil {
		s.t.Fatal(err)
	}
}

// tree is all that the tree holds, as a table.
func (s inStore) tree() string {
	s.t.Helper()
	out, _ := s.run(exitDone, "tree", "export", "--format", "tsv")
	return out
}

// TestTreeImport previews, applies, lists and takes back an import beside the
// tree, then puts another in its place.
func TestTreeImport(t *testing.T) {
	s := inStore{t, "sqlite:" + filepath.Join(t.TempDir(), "tree.db")}
	const tiny = "../../ingest/testdata/tiny.obo"
	before := s.tree()

	var preview, applied importDocument
	s.decode(&preview, "tree", "import", tiny, "--preview")
	if preview.Applied || preview.Mode != "beside" || preview.Counts.TermsAdded != 1 || len(preview.Changes) == 0 {
		t.Errorf("preview: %+v", preview)
	}
	if s.tree() != before {
		t.Fatal("a preview changed the tree")
	}
	s.decode(&applied, "tree", "import", tiny, "--author", "Ada")
	if !applied.Applied || applied.Counts != preview.Counts || applied.ChangeSet == nil {
		t.Fatalf("import: %+v", applied)
	}
	if out, _ := s.run(exitDone, "tree", "show", "left atrial appendage", "--depth", "0"); !strings.Contains(out, "SATK:left_atrial_appendage") {
		t.Errorf("the imported term is not there: %s", out)
	}
	if out, _ := s.run(exitDone, "tree", "import", tiny); !strings.Contains(out, "nothing to change") {
		t.Errorf("the same import again: %s", out)
	}

	var history struct{ History []graph.Record }
	s.decode(&history, "tree", "history")
	if len(history.History) != 1 || history.History[0].Author != "Ada" || !strings.HasPrefix(history.History[0].Source, "tiny.obo sha256:") {
		t.Errorf("history: %+v", history)
	}
	if out, _ := s.run(exitDone, "tree", "history", applied.ChangeSet.ID); !strings.Contains(out, "add_term SATK:left_atrial_appendage") {
		t.Errorf("the change set: %s", out)
	}
	s.run(exitDone, "tree", "undo", applied.ChangeSet.ID)
	if s.tree() != before {
		t.Error("after the undo the tree is another")
	}
	s.run(exitRefused, "tree", "undo", applied.ChangeSet.ID)
	s.run(exitRefused, "tree", "undo", "none")

	if out, _ := s.run(exitDone, "tree", "import", "../../ingest/testdata/tiny-sat", "--replace"); !strings.Contains(out, "corpus classes lose the term that they stand for: ") {
		t.Errorf("nothing is said of the classes: %s", out)
	}
	if out, _ := s.run(exitDone, "tree", "stats"); !strings.Contains(out, "terms      7\n") {
		t.Errorf("in place of the tree: %s", out)
	}
}

// TestTreeExport writes every format, and reads the same tree from those that
// hold all of it.
func TestTreeExport(t *testing.T) {
	s := inStore{t, "sqlite:" + filepath.Join(t.TempDir(), "tree.db")}
	for _, name := range []string{"tree.obo", "tree.tsv", "tree.jsonld", "tree.graphml"} {
		path := filepath.Join(t.TempDir(), name)
		s.run(exitDone, "tree", "export", "-o", path)
		if info, err := os.Stat(path); err != nil || info.Size() < 1<<20 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if name != "tree.obo" && name != "tree.tsv" {
			continue
		}
		if out, _ := s.run(exitDone, "tree", "import", path, "--replace", "--preview"); !strings.Contains(out, "nothing to change") {
			t.Errorf("%s holds another tree: %s", name, out)
		}
	}
	own := filepath.Join(t.TempDir(), "own.tsv.gz")
	if err := os.WriteFile(own, builtin.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := s.run(exitDone, "tree", "import", own, "--replace"); !strings.Contains(out, "nothing to change") {
		t.Errorf("the built-in tree's own form holds another tree: %s", out)
	}
	s.run(exitUsage, "tree", "export", "--format", "word")
	s.run(exitUsage, "tree", "export", "-o", "tree.docx")
}

// TestTreeImportRefuses names file, line and reason, and leaves the tree alone.
func TestTreeImportRefuses(t *testing.T) {
	s := inStore{t, "sqlite:" + filepath.Join(t.TempDir(), "tree.db")}
	before := s.tree()
	for name, test := range map[string]struct{ text, says string }{
		"cyclic.obo":    {"[Term]\nid: A:1\nname: a\nis_a: A:2\n\n[Term]\nid: A:2\nname: b\nis_a: A:1\n", "line 9: the relations form a cycle: A:1 → A:2 → A:1"},
		"cut.obo":       {"[Term]\nid: A:1\nname: a\nis_a: A:2\n", "line 4: relation to an undefined term"},
		"twice.obo":     {"[Term]\nid: A:1\nname: a\n\n[Term]\nid: A:1\nname: a\n", "line 6: duplicate id: A:1 was defined at line 2"},
		"latin.obo":     {"[Term]\nid: A:1\nname: \xe9\n", "line 3: not in the expected format: not UTF-8 text"},
		"beside.tsv":    {"id\tis_a\tname\nA:1\tA:2\tanatomical system\nA:2\t\theart\n", "line 2: beside the tree, the relations form a cycle"},
		"something.txt": {"hello\n", "it starts as none of"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr := s.run(exitUsage, "tree", "import", path); !strings.Contains(stderr, path) || !strings.Contains(stderr, test.says) {
			t.Errorf("%s: %s", name, stderr)
		}
	}
	s.run(exitUsage, "tree", "import", filepath.Join(t.TempDir(), "none.obo"))
	s.run(exitUsage, "tree", "import", "x", "--leave-out", "everything")
	if s.tree() != before {
		t.Error("refused imports changed the tree")
	}
}
