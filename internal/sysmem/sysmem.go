// Package sysmem says how much memory the process holds and how much more it
// may take, on Linux, where the kernel tells. It never guesses: elsewhere, or
// where the files cannot be read, it says so.
//
// Start from [Available] and [Process].
package sysmem

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// Available is what the process can still take before the machine or its
// control group (version 1 or 2) runs out; page cache that can be dropped
// counts as free. False where nothing is known.
func Available() (int64, bool) { return available(os.ReadFile) }

// Process is the resident memory of this process, now and at its most. False
// where it is not known.
func Process() (now, most int64, ok bool) { return process(os.ReadFile) }

// readFile reads a file whole, as os.ReadFile.
type readFile func(name string) ([]byte, error)

func process(read readFile) (now, most int64, ok bool) {
	fields := table(read, "/proc/self/status")
	now, most = fields["VmRSS:"]*1024, fields["VmHWM:"]*1024
	return now, max(now, most), now > 0
}

func available(read readFile) (int64, bool) {
	kib, known := table(read, "/proc/meminfo")["MemAvailable:"]
	least := kib * 1024
	take := func(left int64) {
		if !known || left < least {
			least, known = max(0, left), true
		}
	}
	v1, v2 := groups(read)
	for dir := v2; v2 != ""; dir = path.Dir(dir) {
		at := path.Join("/sys/fs/cgroup", dir)
		if limit, ok := number(read, at+"/memory.max"); ok {
			if used, ok := number(read, at+"/memory.current"); ok {
				take(limit - used + table(read, at+"/memory.stat")["inactive_file"])
			}
		}
		if dir == "/" {
			break
		}
	}
	for _, dir := range []string{v1, "/"} {
		at := path.Join("/sys/fs/cgroup/memory", dir)
		limit, ok := number(read, at+"/memory.limit_in_bytes")
		if !ok || limit > 1<<60 { // the kernel's way to say "none"
			continue
		}
		if used, ok := number(read, at+"/memory.usage_in_bytes"); ok {
			take(limit - used + table(read, at+"/memory.stat")["total_inactive_file"])
			break
		}
	}
	return least, known
}

// groups are the process's control groups for memory, "" where there is none.
func groups(read readFile) (v1, v2 string) {
	text, err := read("/proc/self/cgroup")
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			continue
		}
		if parts[0] == "0" && parts[1] == "" {
			v2 = path.Clean(parts[2])
		}
		for name := range strings.SplitSeq(parts[1], ",") {
			if name == "memory" {
				v1 = path.Clean(parts[2])
			}
		}
	}
	return v1, v2
}

// number reads a file of one number; "max" is none.
func number(read readFile, name string) (int64, bool) {
	text, err := read(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// table reads a file of a name and a number a line.
func table(read readFile, name string) map[string]int64 {
	out := map[string]int64{}
	text, err := read(name)
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if n, err := strconv.ParseInt(words[1], 10, 64); err == nil {
			out[words[0]] = n
		}
	}
	return out
}
