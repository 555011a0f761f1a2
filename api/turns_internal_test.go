package api

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// One caller asks for much, another for little: the one who asks for little waits
// for one turn of the other's at a time, not for all.
func TestTurnsGoToWhoHadFewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 100)
		var mu sync.Mutex
		var order []string
		work := func(caller string, takes time.Duration) {
			leave, err := turns.take(t.Context(), caller)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, caller)
			mu.Unlock()
			time.Sleep(takes)
			leave()
		}
		for range 10 {
			go work("greedy", time.Second)
		}
		synctest.Wait()
		for range 3 {
			go work("modest", time.Millisecond)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(order[:7], []string{"greedy", "modest", "greedy", "modest", "greedy", "modest", "greedy"}) {
			t.Errorf("turns went to %v", order)
		}
		if len(order) != 13 {
			t.Errorf("%d had a turn", len(order))
		}
		if len(turns.callers) != 0 || turns.working != 0 || turns.waits != 0 || len(turns.queued) != 0 {
			t.Errorf("left behind: %+v", turns)
		}
	})
}

// Where no more may wait, the one with the longest line gives room.
func TestTurnsAreRefusedToTheLongestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 4)
		results := map[string][]error{}
		var mu sync.Mutex
		ask := func(caller string) {
			leave, err := turns.take(t.Context(), caller)
			mu.Lock()
			results[caller] = append(results[caller], err)
			mu.Unlock()
			if err == nil {
				time.Sleep(time.Second)
				leave()
			}
		}
		for range 6 { // one works, four wait, one is refused
			go ask("greedy")
			synctest.Wait()
		}
		go ask("modest")
		time.Sleep(time.Minute)
		synctest.Wait()
		refused := 0
		for _, err := range results["greedy"] {
			if errors.Is(err, errBusy) {
				refused++
			}
		}
		if refused != 2 || len(results["greedy"]) != 6 {
			t.Errorf("greedy: %v", results["greedy"])
		}
		if len(results["modest"]) != 1 || results["modest"][0] != nil {
			t.Errorf("modest: %v", results["modest"])
		}
	})
}

func TestTurnsThatAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 4)
		leave, err := turns.take(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := turns.take(ctx, "b"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		leave()
		again, err := turns.take(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		again()
		if len(turns.callers) != 0 || turns.working != 0 || turns.waits != 0 {
			t.Errorf("left behind: %+v", turns)
		}
	})
}

// Who was refused often waits while others ask, and not where nobody does.
func TestWhoIsRefusedOftenGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g giveWay
		took := func(caller string) time.Duration {
			began := time.Now()
			if err := g.wait(t.Context(), caller); err != nil {
				t.Error(err)
			}
			return time.Since(began)
		}
		for range toleratedRefusals {
			if d := took("bad"); d != 0 {
				t.Fatalf("waited %v though few were refused", d)
			}
			g.refused("bad")
		}
		for range toleratedRefusals {
			g.refused("bad")
		}
		took("good")
		if d := took("bad"); d != quietMoment {
			t.Errorf("waited %v after somebody else", d)
		}
		if d := took("bad"); d != 0 {
			t.Errorf("waited %v though nobody else asks", d)
		}
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(quietMoment / 2):
					_ = g.wait(context.Background(), "good")
				}
			}
		}()
		synctest.Wait()
		time.Sleep(quietMoment)
		if d := took("bad"); d != longestWay {
			t.Errorf("waited %v while others ask", d)
		}
		close(stop)
		time.Sleep(time.Minute) // forgiven
		took("good")
		if d := took("bad"); d != 0 {
			t.Errorf("waited %v a minute later", d)
		}
	})
}

func TestWantOfRoomIsNobodysFault(t *testing.T) {
	for err, fault := range map[error]bool{errBusy: false, context.DeadlineExceeded: false, errTooOften(): true, &Error{Code: CodeLimit}: true} {
		if isFault(refuse(err)) != fault {
			t.Errorf("%v: want %v", err, fault)
		}
	}
}

// Somebody who comes under ever new names neither fills the memory nor makes forget
// who was refused often.
func TestManyNamesDoNotPushOutWhoWasRefused(t *testing.T) {
	var g giveWay
	for range 2 * toleratedRefusals {
		g.refused("bad")
	}
	for i := range 3 * mostConducts {
		g.refused(strconv.Itoa(i))
	}
	if len(g.callers) > mostConducts {
		t.Errorf("%d are remembered", len(g.callers))
	}
	if g.callers["bad"] == nil {
		t.Error("who was refused often is forgotten")
	}
}
