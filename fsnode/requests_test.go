package fsnode_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"memcgfs/internal/testgroup"
	"memcgfs/internal/testmount"
)

// requests reads what each command costs, which is the same on every machine,
// from the page that says why: rows of command, number and list.
func requests(t *testing.T) (commands []costs) {
	t.Helper()
	page, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (\\d+) \\| `([A-Z ]+)` \\|$")
	for _, found := range row.FindAllStringSubmatch(string(page), -1) {
		r := costs{command: found[1], want: strings.Fields(found[3])}
		if found[2] != strconv.Itoa(len(r.want)) {
			t.Errorf("performance.md counts %s requests of %s, and lists %d", found[2], r.command, len(r.want))
		}
		commands = append(commands, r)
	}
	if len(commands) == 0 {
		t.Fatal("performance.md has no table of requests")
	}
	return commands
}

type costs struct {
	command string
	want    []string
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
	for _, r := range requests(t) {
		run(r.command) // the first time, names are looked up as well
		got := run(r.command)
		if !slices.Equal(got, r.want) {
			t.Errorf("%s costs\n%d %s, want\n%d %s", r.command, len(got), got, len(r.want), r.want)
		}
	}
}
