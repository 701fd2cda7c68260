package fsnode_test

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
	"memcgfs/internal/testmount"
)

var hammer = flag.Duration("hammer", 10*time.Second, "how long TestHammer and TestStorm go on")

var (
	//go:embed testdata/hammer.py
	hammerScript string
	//go:embed testdata/storm.py
	stormScript string
)

// TestHammer has processes of eight users change limits, move themselves and
// make and remove groups as fast as they can.
func TestHammer(t *testing.T) {
	m := testmount.Start(t)
	raw := testgroup.New(t)
	var workers []worker
	for i := range 8 {
		uid := uint32(12310 + i)
		home := filepath.Join(raw, fmt.Sprint(uid))
		if err := os.Mkdir(home, 0o755); err != nil {
			t.Fatal(err)
		}
		err := filepath.WalkDir(home, func(path string, _ os.DirEntry, _ error) error {
			return os.Chown(path, int(uid), int(uid))
		})
		if err != nil {
			t.Fatal(err)
		}
		workers = append(workers, worker{uid, hammerScript, []string{filepath.Join(m.Dir, filepath.Base(raw), filepath.Base(home))}})
	}
	holdsNothing(t, m, workers)
}

// TestStorm has 32 processes make, remove and rename groups on both sides, while
// they list, read, limit and move themselves in them.
func TestStorm(t *testing.T) {
	m := testmount.Start(t)
	raw := testgroup.New(t)
	mounted := filepath.Join(m.Dir, filepath.Base(raw))
	var workers []worker
	for _, what := range []string{"make", "remove", "rename", "fresh", "list", "read", "move", "limit"} {
		for i := range 4 {
			top, other := mounted, raw
			if i == 3 && (what == "make" || what == "remove" || what == "rename" || what == "fresh") {
				top, other = raw, mounted
			}
			workers = append(workers, worker{0, stormScript, []string{what, top, other}})
		}
	}
	holdsNothing(t, m, workers)
}

// worker is a Python program that a user runs. Its last argument is for how many
// seconds.
type worker struct {
	uid       uint32
	script    string
	arguments []string
}

// holdsNothing runs the workers together, for a short time and then for a long
// one, and compares what the daemon holds after each.
func holdsNothing(t *testing.T, m *testmount.Mount, workers []worker) {
	if testing.Short() {
		*hammer = min(*hammer, 3*time.Second)
	}
	run := func(d time.Duration) {
		t.Helper()
		var started []*exec.Cmd
		for _, w := range workers {
			cmd := exec.Command("/usr/bin/python3", append(append([]string{"-c", w.script}, w.arguments...), fmt.Sprint(d.Seconds()))...)
			if w.uid != 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
					Uid: w.uid, Gid: w.uid, Groups: []uint32{w.uid + 100},
				}}
			}
			cmd.Stderr = &strings.Builder{}
			cmd.Stdout = cmd.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			started = append(started, cmd)
		}
		for i, cmd := range started {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v of user %d: %v\n%s", workers[i].arguments, workers[i].uid, err, cmd.Stderr)
			}
		}
	}
	run(min(3*time.Second, *hammer/3)) // threads and pools are there from now on
	before := state(t, m)
	run(*hammer)
	after := state(t, m)
	t.Logf("before %v\nafter  %v", before, after)
	for name, most := range map[string]int{"goroutines": 2, "descriptors": 0, "threads": 8, "heap": 6 << 20} {
		if after[name] > before[name]+most {
			t.Errorf("%s went from %d to %d", name, before[name], after[name])
		}
	}
	if err := m.Alive(); err != nil {
		t.Error(err)
	}
}

var stateField = regexp.MustCompile(`(goroutines|descriptors|threads|heap)=(\d+)`)

// state asks the daemon what it holds, when it has come to rest.
func state(t *testing.T, m *testmount.Mount) map[string]int {
	t.Helper()
	time.Sleep(500 * time.Millisecond) // releases come after close(2)
	before := len(m.Log())
	if err := unix.Kill(m.Pid, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if found := stateField.FindAllStringSubmatch(m.Log()[before:], -1); len(found) == 4 {
			state := map[string]int{}
			for _, f := range found {
				state[f[1]], _ = strconv.Atoi(f[2])
			}
			return state
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no state in the log\n%s", m.Log())
	return nil
}
