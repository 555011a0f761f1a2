package api

import (
	"encoding/json"
	"math"
	"testing"
)

func TestAppendDataIsWhatJSONWrites(t *testing.T) {
	for _, v := range []any{
		nil, true, 7, -3, 2.5, 1e300, "plain", "quo\"te \\ \n <b>&amp; é \u2028 \x7f", "\xff", "",
		[]any{},
		[]any{nil, "a", []any{1}},
		map[string]any{},
		map[string]any{"b": 1, "a": []any{map[string]any{"x": nil}}, "é": "<"},
		map[string]any{"typed": []string{"a"}, "int64": int64(1 << 60)},
	} {
		got, err := appendData(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
	for _, v := range []any{math.Inf(1), []any{math.NaN()}, map[string]any{"x": func() {}}} {
		if got, err := appendData(nil, v); err == nil {
			t.Errorf("%v: got %s, want an error", v, got)
		}
	}
}
