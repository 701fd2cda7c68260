// Package testgroup makes memory cgroups for tests in the kernel's own tree,
// and takes them away with everything that is in them.
package testgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Root is where the kernel's tree is.
const Root = "/sys/fs/cgroup/memory"

// Prefix begins the name of every group that a test makes, so that one which
// is left behind is found.
const Prefix = "memcgfs-test-"

var made atomic.Int32

// Require skips the test where it cannot be run.
func Require(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("this machine's user is not root")
	}
	if _, err := os.Stat(Root + "/memory.limit_in_bytes"); err != nil {
		t.Skip("this machine has no cgroup v1 memory hierarchy")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("this machine has no /dev/fuse")
	}
}

// Make makes a group below the root, and gives its path.
func Make() (string, error) {
	dir := filepath.Join(Root, fmt.Sprintf("%s%d-%d", Prefix, os.Getpid(), made.Add(1)))
	return dir, os.Mkdir(dir, 0o755)
}

// New is [Make] for a test, which removes the group at its end.
func New(t testing.TB) string {
	t.Helper()
	dir, err := Make()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Remove ends the processes of a group and of those below it, and removes
// them. A process ends in its own time, so it is tried for ten seconds.
func Remove(dir string) error {
	var err error
	for range 200 {
		var groups []string
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		slices.Reverse(groups) // children first
		err = nil
		for _, g := range groups {
			procs, _ := os.ReadFile(filepath.Join(g, "cgroup.procs"))
			for _, field := range strings.Fields(string(procs)) {
				if pid, perr := strconv.Atoi(field); perr == nil && pid > 1 && pid != os.Getpid() {
					_ = unix.Kill(pid, unix.SIGKILL)
				}
			}
			if rerr := unix.Rmdir(g); rerr != nil && !errors.Is(rerr, unix.ENOENT) {
				err = fmt.Errorf("remove %s: %w", g, rerr)
			}
		}
		if err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
