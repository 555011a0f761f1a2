package gunzip
import ("testing";"os";"time";"io";"syscall";"bufio";kg "github.com/klauspost/compress/gzip";sg "compress/gzip")
func cpu() time.Duration { var r syscall.Rusage; syscall.Getrusage(0,&r); return time.Duration(r.Utime.Nano()+r.Stime.Nano()) }
func TestZZBench(t *testing.T) {
	p := os.Getenv("BENCHFILE")
	if p == "" { t.Skip() }
	buf := make([]byte, 128<<10)
	for range 3 {
	for name, mk := range map[string]func(io.Reader) io.Reader{"mine": func(r io.Reader) io.Reader { return NewReader(r) },
	 "kp": func(r io.Reader) io.Reader { z,_ := kg.NewReader(bufio.NewReaderSize(r,256<<10)); return z },
	 "std": func(r io.Reader) io.Reader { z,_ := sg.NewReader(bufio.NewReaderSize(r,256<<10)); return z }} {
		f, _ := os.Open(p)
		s := time.Now(); c := cpu()
		n, err := io.CopyBuffer(struct{io.Writer}{io.Discard}, struct{io.Reader}{mk(f)}, buf)
		t.Log(name, n, err, time.Since(s), cpu()-c)
	}}
}
