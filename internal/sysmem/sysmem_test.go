package sysmem

import (
	"io/fs"
	"runtime"
	"testing"
)

func files(content map[string]string) readFile {
	return func(name string) ([]byte, error) {
		text, ok := content[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	}
}

func TestAvailable(t *testing.T) {
	const meminfo = "MemTotal: 100 kB\nMemAvailable:    80 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
		ok    bool
	}{
		"nothing known": {nil, 0, false},
		"machine":       {map[string]string{"/proc/meminfo": meminfo}, 80 << 10, true},
		"version 2, limit above": {map[string]string{
			"/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/a/b\n",
			"/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/b/memory.current": "5\n",
			"/sys/fs/cgroup/a/memory.max": "40960\n", "/sys/fs/cgroup/a/memory.current": "20480\n",
			"/sys/fs/cgroup/a/memory.stat": "anon 7\ninactive_file 1024\n",
		}, 20480 + 1024, true},
		"version 2, in a container": {map[string]string{
			"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "4096", "/sys/fs/cgroup/memory.current": "5000",
		}, 0, true},
		"version 1": {map[string]string{
			"/proc/meminfo": meminfo, "/proc/self/cgroup": "3:cpu:/x\n4:memory:/x\n",
			"/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "50000", "/sys/fs/cgroup/memory/x/memory.usage_in_bytes": "10000",
			"/sys/fs/cgroup/memory/x/memory.stat": "total_inactive_file 1000\n",
		}, 41000, true},
		"version 1 without limit": {map[string]string{
			"/proc/meminfo": meminfo, "/proc/self/cgroup": "4:memory:/\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712", "/sys/fs/cgroup/memory/memory.usage_in_bytes": "10000",
		}, 80 << 10, true},
	} {
		if got, ok := available(files(c.files)); got != c.want || ok != c.ok {
			t.Errorf("%s: %d %v, want %d %v", name, got, ok, c.want, c.ok)
		}
	}
}

func TestProcess(t *testing.T) {
	now, most, ok := process(files(map[string]string{"/proc/self/status": "Name:\tx\nVmHWM:\t  30 kB\nVmRSS:\t 20 kB\n"}))
	if now != 20<<10 || most != 30<<10 || !ok {
		t.Errorf("%d %d %v", now, most, ok)
	}
	if _, _, ok := process(files(nil)); ok {
		t.Error("it is known from nothing")
	}
	if now, _, ok := Process(); runtime.GOOS == "linux" && (!ok || now < 1<<20) {
		t.Errorf("this process: %d %v", now, ok)
	}
}
