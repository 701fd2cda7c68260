package fsnode_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"memcgfs/internal/testgroup"
	"memcgfs/internal/testmount"
)

// What a command costs is the number of its FUSE requests, which is the same
// on every machine. docs/performance.md says why each one is needed.
var requests = []struct {
	command string
	want    string
}{
	{"cat memory.limit_in_bytes", "LOOKUP OPEN GETATTR RELEASE"},
	{"cat limit.human", "LOOKUP OPEN GETATTR READ READ RELEASE"},
	{"echo 20M > memory.limit_in_bytes", "LOOKUP OPEN GETXATTR SETATTR WRITE RELEASE"},
	{"echo 20M > limit.human", "LOOKUP OPEN GETXATTR SETATTR WRITE RELEASE"},
	{"stat memory.limit_in_bytes", "LOOKUP GETATTR"},
	{"stat limit.human", "LOOKUP GETATTR"},
	{"ls .", "LOOKUP GETATTR LOOKUP OPENDIR GETATTR READDIR READDIR RELEASEDIR"},
}

var request = regexp.MustCompile(`rx \d+: ([A-Z]+) `)

func TestRequests(t *testing.T) {
	m := testmount.Start(t, "--log-level", "trace")
	raw := testgroup.New(t)
	group := filepath.Join(m.Dir, filepath.Base(raw))
	if !strings.Contains(m.Log(), "BACKING_OPEN") {
		t.Skip("this machine's kernel has no FUSE passthrough, and other numbers")
	}
	marks := 0
	run := func(command string) []string {
		words := strings.Fields(command)
		i := len(words) - 1
		words[i] = filepath.Join(group, words[i])
		before := len(m.Log())
		if out, err := exec.Command("sh", "-c", strings.Join(words, " ")).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		// The log is read up to a request that comes after the command's.
		marks++
		mark := fmt.Sprintf("mark-%d", marks)
		_, _ = os.Stat(filepath.Join(m.Dir, mark))
		var ops []string
		for range 500 {
			log := m.Log()[before:]
			ops = nil
			for line := range strings.Lines(log) {
				found := request.FindStringSubmatch(line)
				// The kernel sends FORGET when it likes, and once a STATX,
				// which is not answered.
				if found == nil || strings.Contains(line, mark) || found[1] == "FORGET" || found[1] == "STATX" {
					continue
				}
				ops = append(ops, found[1])
			}
			// RELEASE comes after close(2) has returned.
			all := strings.Join(ops, " ")
			if strings.Contains(log, mark) && strings.Count(all, "OPEN") == strings.Count(all, "RELEASE") {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		return ops
	}
	for _, r := range requests {
		run(r.command) // the first time, names are looked up as well
		got := run(r.command)
		want := strings.Fields(r.want)
		if !slices.Equal(got, want) {
			t.Errorf("%s costs\n%d %s, want\n%d %s", r.command, len(got), got, len(want), want)
		}
	}
}
