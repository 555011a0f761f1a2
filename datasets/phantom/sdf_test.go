package phantom

import (
	"math"
	"testing"
)

func TestCapsule(t *testing.T) {
	a, b := vec{0, 0, 0}, vec{10, 0, 0}
	for _, c := range []struct {
		p    vec
		want float64
	}{
		{vec{5, 3, 0}, 0.5}, // half way: radius 2.5
		{vec{-4, 0, 0}, 2},  // beyond the first end: 4 - 2
		{vec{10, 0, 1}, -2}, // at the second end: 1 - 3
		{vec{13, 4, 0}, 2},  // 5 - 3
	} {
		if got := capsule(c.p, a, b, 2, 3); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v: %g, want %g", c.p, got, c.want)
		}
	}
}

func TestTube(t *testing.T) {
	// Three knots in a line: the spline is the line. With the end knot doubled its first piece runs
	// 5u + 10u² - 5u³: 4.375 at u = 1/2, 7.266 at 3/4, so that x = 5 lies 0.216 into segment 2 of 8.
	tb := newTube([]knot{{vec{0, 0, 0}, 3}, {vec{10, 0, 0}, 3}, {vec{20, 0, 0}, 3}}, 4)
	d, along := tb.distAt(vec{5, 10, 0})
	if math.Abs(d-7) > 1e-9 || math.Abs(along-0.277) > 1e-3 {
		t.Errorf("distance %g at %g, want 7 at 0.277", d, along)
	}
	if d := tb.dist(vec{10, 0, 500}); d != far {
		t.Errorf("out of reach: %g", d)
	}
}

func TestEllipsoid(t *testing.T) {
	e := newEllipsoid(vec{1, 2, 3}, vec{10, 20, 30}, 2, rotation(0, 0, 0))
	for _, c := range []struct {
		p    vec
		want float64
	}{{vec{11, 2, 3}, 0}, {vec{16, 2, 3}, 5}, {vec{1, 2, 18}, -10}, {vec{1, 2, 28}, -5}, {vec{1, 2, 3}, -10}} {
		if got := e.dist(c.p); math.Abs(got-c.want) > 1e-3 {
			t.Errorf("%v: %g, want %g", c.p, got, c.want)
		}
	}
	// A quarter turn about z swaps the first two half axes.
	q := newEllipsoid(vec{}, vec{10, 20, 30}, 2.5, rotation(0, 0, 90))
	if d := q.dist(vec{20, 0, 0}); math.Abs(d) > 1e-3 {
		t.Errorf("turned: %g, want 0", d)
	}
}

func TestPower(t *testing.T) {
	for _, c := range []struct{ p, a, b, want float64 }{{2, 3, 4, 5}, {1, 3, 4, 7}, {2, 0, 0, 0}, {3, 2, 0, 2}, {2.5, 1, 1, math.Pow(2, 0.4)}} {
		if got := newPower(c.p).norm(c.a, c.b); math.Abs(got-c.want) > 1e-4 {
			t.Errorf("|%g, %g| of power %g: %g, want %g", c.a, c.b, c.p, got, c.want)
		}
	}
}

func TestProfile(t *testing.T) {
	p := newProfile([2]float64{100, 5}, [2]float64{0, 1}, [2]float64{-100, 1})
	for _, c := range [][2]float64{{300, 5}, {100, 5}, {0, 1}, {-50, 1}, {-400, 1}} {
		if got := p.at(c[0]); math.Abs(got-c[1]) > 1e-9 {
			t.Errorf("at %g: %g, want %g", c[0], got, c[1])
		}
	}
	last := 0.0
	for z := -100.0; z <= 100; z += 0.5 { // monotone data, monotone curve
		v := p.at(z)
		if v < last-1e-12 {
			t.Fatalf("falls at %g", z)
		}
		last = v
	}
}

func TestRotation(t *testing.T) {
	r := rotation(0, 0, 90)
	if v := r.apply(vec{1, 0, 0}); math.Abs(v.x) > 1e-12 || math.Abs(v.y-1) > 1e-12 {
		t.Errorf("x turns to %v, want y", v)
	}
	r = rotation(20, -35, 50)
	p := vec{1, -2, 3}
	if d := r.applyT(r.apply(p)).sub(p).norm(); d > 1e-12 {
		t.Errorf("there and back is off by %g", d)
	}
}

func TestTextures(t *testing.T) {
	for name, tx := range map[string]texture{"field": newField(newStream(1, 1, "t"), 10), "waves": newWaves(newStream(1, 1, "t"), 10)} {
		var sum, sq float64
		const n = 20000
		s := newStream(2, 1, "points")
		for range n {
			v := tx.at(vec{s.uni(-200, 200), s.uni(-200, 200), s.uni(-200, 200)})
			sum, sq = sum+v, sq+v*v
		}
		if mean, sd := sum/n, math.Sqrt(sq/n); math.Abs(mean) > 0.15 || sd < 0.7 || sd > 1.4 {
			t.Errorf("%s: mean %g, standard deviation %g, want about 0 and 1", name, mean, sd)
		}
		p := vec{3, 4, 5}
		if d := math.Abs(tx.at(p) - tx.at(p.add(vec{0.01, 0, 0}))); d > 0.02 {
			t.Errorf("%s jumps by %g", name, d)
		}
	}
}
