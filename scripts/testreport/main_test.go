package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	for _, tc := range []struct {
		name, in, want string
		ok             bool
		err            bool
	}{
		{
			name: "all passed: only the packages and the sum",
			in: `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- PASS: TestA (0.00s)\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`,
			want: "ok  \tp\t0.1s\n1 passed, 0 failed, 0 skipped\n",
			ok:   true,
		},
		{
			name: "a failure and a skip are shown with their words",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    a_test.go:9: no server\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p"}
`,
			want: "    a_test.go:1: wrong\n    a_test.go:9: no server\n0 passed, 1 failed, 1 skipped\n",
		},
		{
			name: "a package that can't be built",
			in: `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: syntax error\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p"}
`,
			want: "p.go:1: syntax error\nFAIL\tp [build failed]\n0 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "a test that never ended",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: oh\n"}
`,
			want: "--- FAIL: TestA (p): did not end\npanic: oh\n0 passed, 1 failed, 0 skipped\n",
		},
		{name: "nothing at all", in: "go: no such thing\n", want: "go: no such thing\n0 passed, 0 failed, 0 skipped\n", err: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			ok, err := report(strings.NewReader(tc.in), &out)
			if ok != tc.ok || (err != nil) != tc.err {
				t.Errorf("ok %v, error %v; want ok %v, an error %v", ok, err, tc.ok, tc.err)
			}
			if out.String() != tc.want {
				t.Errorf("printed\n%swant\n%s", out.String(), tc.want)
			}
		})
	}
}
