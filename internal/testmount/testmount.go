// Package testmount runs memcgfs for tests: the program itself, as a process of
// its own, on a real mount. A test that served the mount it uses could
// deadlock.
package testmount

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
)

// programEnv names a program that is there already, on a machine that cannot
// build one.
const programEnv = "MEMCGFS_PROGRAM"

var program = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(programEnv); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "memcgfs-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "memcgfs")
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "memcgfs/cmd/memcgfs")...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build memcgfs: %w\n%s", err, out)
	}
	return path, err
})

// Mount is a running memcgfs.
type Mount struct {
	Dir string // where the tree is mounted
	Pid int
	log *lockedBuffer
}

// Start mounts the whole memory tree, until the end of the test.
func Start(t testing.TB, flags ...string) *Mount {
	t.Helper()
	testgroup.Require(t)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	m := &Mount{Dir: filepath.Join(t.TempDir(), "mnt"), log: &lockedBuffer{}}
	// Other users go through the directory to the mount.
	for dir := filepath.Dir(m.Dir); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, append([]string{"-f"}, append(flags, m.Dir)...)...)
	cmd.Stderr = m.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m.Pid = cmd.Process.Pid
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("memcgfs ended with %v\n%s", err, m.Log())
			}
		case <-time.After(20 * time.Second):
			t.Errorf("memcgfs did not end within 20 s of SIGTERM")
			_ = cmd.Process.Kill()
			_ = unix.Unmount(m.Dir, unix.MNT_DETACH)
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		if _, err := os.Stat(filepath.Join(m.Dir, "why")); err == nil {
			return m
		}
		if time.Now().After(deadline) {
			t.Fatalf("memcgfs does not answer\n%s", m.Log())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Alive says that the program has not ended.
func (m *Mount) Alive() error { return unix.Kill(m.Pid, 0) }

// Log is what the program has logged so far.
func (m *Mount) Log() string { return m.log.String() }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
