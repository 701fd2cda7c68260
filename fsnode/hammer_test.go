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

var hammer = flag.Duration("hammer", 10*time.Second, "how long TestHammer goes on")

//go:embed testdata/hammer.py
var hammerScript string

// TestHammer has processes of eight users change limits, move themselves and
// make and remove groups as fast as they can, and looks at what the daemon
// holds when they have begun and when they have ended.
func TestHammer(t *testing.T) {
	m := testmount.Start(t)
	raw := testgroup.New(t)
	if testing.Short() {
		*hammer = min(*hammer, 3*time.Second)
	}
	run := func(seconds float64) {
		t.Helper()
		var workers []*exec.Cmd
		for i := range 8 {
			uid := 12310 + i
			home := filepath.Join(raw, strconv.Itoa(uid))
			if err := os.MkdirAll(home, 0o755); err != nil {
				t.Fatal(err)
			}
			err := filepath.WalkDir(home, func(path string, _ os.DirEntry, _ error) error {
				return os.Chown(path, uid, uid)
			})
			if err != nil {
				t.Fatal(err)
			}
			w := exec.Command("/usr/bin/python3", "-c", hammerScript,
				filepath.Join(m.Dir, filepath.Base(raw), filepath.Base(home)), fmt.Sprint(seconds))
			w.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
				Uid: uint32(uid), Gid: uint32(uid), Groups: []uint32{uint32(uid) + 100},
			}}
			w.Stderr = &strings.Builder{}
			w.Stdout = w.Stderr
			if err := w.Start(); err != nil {
				t.Fatal(err)
			}
			workers = append(workers, w)
		}
		for _, w := range workers {
			if err := w.Wait(); err != nil {
				t.Errorf("user %d: %v\n%s", w.SysProcAttr.Credential.Uid, err, w.Stderr)
			}
		}
	}
	run(min(3, hammer.Seconds()/3)) // threads and pools are there from now on
	before := state(t, m)
	run(hammer.Seconds())
	after := state(t, m)
	t.Logf("before %v\nafter  %v", before, after)
	for name, most := range map[string]int{"goroutines": 2, "descriptors": 0, "threads": 4, "heap": 6 << 20} {
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
