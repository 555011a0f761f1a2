// Package npytest holds what tests against arrays of NumPy need.
package npytest

import (
	"math"
	"testing"

	"satgraph/internal/npy"
)

// Float32s reads the array at path; the test fails where that is impossible.
func Float32s(t testing.TB, path string) []float32 {
	t.Helper()
	a, err := npy.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return a.Float32s()
}

// Compare fails the test where two arrays differ by more than tol anywhere; NaN
// equals NaN.
func Compare(t testing.TB, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if got[i] != got[i] && want[i] != want[i] {
			continue // NaN in both
		}
		if !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= tol) {
		t.Errorf("%s: element %d is %g, want %g (tolerance %g)", what, at, got[at], want[at], tol)
	}
}
