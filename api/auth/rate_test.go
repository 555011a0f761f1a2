package auth

import (
	"strconv"
	"testing"
	"time"
)

func TestRateOfOneCallerDoesNotTouchAnother(t *testing.T) {
	now := time.Unix(1000, 0)
	r := NewRates(2, 3)
	r.now = func() time.Time { return now }
	for i := range 3 {
		if _, ok := r.Allow("a"); !ok {
			t.Fatalf("request %d of the burst is refused", i)
		}
	}
	wait, ok := r.Allow("a")
	if ok || wait != 500*time.Millisecond {
		t.Errorf("the fourth: %v, %v; want to wait half a second", wait, ok)
	}
	if _, ok := r.Allow("b"); !ok {
		t.Error("another caller is refused")
	}
	// A refused request costs nothing.
	now = now.Add(wait)
	if _, ok := r.Allow("a"); !ok {
		t.Error("refused after the wait that was asked for")
	}
}

func TestSomeOfARateIsKept(t *testing.T) {
	now := time.Unix(1000, 0)
	r := NewRates(1, 8)
	r.now = func() time.Time { return now }
	for i := range 6 {
		if _, ok := r.AllowKeeping("a"); !ok {
			t.Fatalf("request %d is refused", i)
		}
	}
	if wait, ok := r.AllowKeeping("a"); ok || wait != time.Second {
		t.Errorf("of what is kept: %v, %v; want to wait a second", wait, ok)
	}
	for i := range 2 {
		if _, ok := r.Allow("a"); !ok {
			t.Errorf("kept request %d is refused", i)
		}
	}
	if _, ok := r.Allow("a"); ok {
		t.Error("more is given than the burst")
	}
	none := NewRates(1, 0)
	if _, ok := none.AllowKeeping("a"); ok {
		t.Error("a burst of 0 lets somebody through")
	}
}

func TestRatesRememberABoundedNumberOfCallers(t *testing.T) {
	now := time.Unix(1000, 0)
	r := NewRates(0.001, 1) // nobody is full again soon
	r.now = func() time.Time { now = now.Add(time.Millisecond); return now }
	for i := range mostCallers + 50 {
		r.Allow(strconv.Itoa(i))
	}
	if n := len(r.callers); n > mostCallers {
		t.Errorf("%d callers are remembered", n)
	}
	if _, ok := r.Allow(strconv.Itoa(mostCallers + 49)); ok {
		t.Error("the last caller was forgotten")
	}
}

func TestABackwardClockLetsNobodyThroughTwice(t *testing.T) {
	now := time.Unix(1000, 0)
	r := NewRates(1, 1)
	r.now = func() time.Time { return now }
	r.Allow("a")
	now = now.Add(-time.Hour)
	if _, ok := r.Allow("a"); ok {
		t.Error("a clock that was set back gives another request")
	}
}
