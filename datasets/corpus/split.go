package corpus

import (
	"slices"
	"strings"
)

// Split is a rule for the sides that rows are on.
type Split string

// The rules.
const (
	// AsListed leaves rows where the list has them.
	AsListed Split = "published"
	// ByPerson moves all rows of a person, and all rows of an image, to one side:
	// the side on which most of them are, and to training where they are as many
	// on either, since a test scan of somebody who was trained on says nothing.
	// Rows without a side keep having none.
	ByPerson Split = "persons"
)

// Moved is what a split by person changed in a dataset.
type Moved struct {
	Dataset string `json:"dataset"`
	People  int    `json:"people"`
	ToTrain int    `json:"rowsToTraining"`
	ToTest  int    `json:"rowsToTest"`
}

// ByPerson returns the list with the sides that the rule of that name gives, and
// what it moved, by dataset in the catalog's order. The same list gives the same
// result, whatever the order of its rows.
func (x *Index) ByPerson() (*Index, []Moved) {
	groups := &unions{parent: make([]int, len(x.scans))}
	for i := range groups.parent {
		groups.parent[i] = i
	}
	for _, together := range []map[string][]int{x.person, x.image} {
		for _, rows := range together {
			for _, i := range rows[1:] {
				groups.join(rows[0], i)
			}
		}
	}
	type votes struct{ train, test int }
	of := map[int]*votes{}
	for i := range x.scans {
		root := groups.root(i)
		if of[root] == nil {
			of[root] = &votes{}
		}
		switch x.scans[i].Side {
		case Train:
			of[root].train++
		case Test:
			of[root].test++
		case Both:
			of[root].train++
			of[root].test++
		}
	}
	scans := slices.Clone(x.scans)
	moved := map[string]*Moved{}
	people := map[string]bool{}
	for i := range scans {
		v := of[groups.root(i)]
		if scans[i].Side == "" || v.train == 0 || v.test == 0 {
			continue
		}
		side := Train
		if v.test > v.train {
			side = Test
		}
		if scans[i].Side == side {
			continue
		}
		scans[i].Side = side
		name := scans[i].Dataset
		m := moved[name]
		if m == nil {
			m = &Moved{Dataset: name}
			moved[name] = m
		}
		if side == Train {
			m.ToTrain++
		} else {
			m.ToTest++
		}
		if key := name + "\x00" + x.persons[i]; !people[key] {
			people[key] = true
			m.People++
		}
	}
	out := *x
	out.scans = scans
	var list []Moved
	for _, name := range x.Datasets() {
		if m := moved[name]; m != nil {
			list = append(list, *m)
		}
	}
	return &out, list
}

// unions are sets of rows that belong together.
type unions struct{ parent []int }

func (u *unions) root(i int) int {
	for u.parent[i] != i {
		u.parent[i] = u.parent[u.parent[i]]
		i = u.parent[i]
	}
	return i
}

func (u *unions) join(i, j int) { u.parent[u.root(j)] = u.root(i) }

// idOf is how people are told of a person: by the id that the list gives all of
// its rows, which may say more than the place of the images does.
func (x *Index) idOf(person string, rows []int) string {
	id := x.scans[rows[0]].Patient
	for _, i := range rows {
		if x.scans[i].Patient != id {
			return person
		}
	}
	if strings.Contains(id, person) {
		return strings.TrimSuffix(strings.TrimSuffix(id, ".gz"), ".nii")
	}
	return person
}
