package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		// The daemon is a process of its own: this binary under its name.
		"memcgfs": func() {
			if err := dropCapabilities(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(125)
			}
			os.Exit(run(os.Args[1:]))
		},
		"loopback": func() { os.Exit(loopback()) },
		// A client that is a Go program.
		"gowriter": func() { writeWhileCollecting(os.Args[1:]) },
	})
}

// dropEnv names capabilities that the daemon is started without, as setpriv
// writes them.
const dropEnv = "DROP"

// dropCapabilities starts this program anew without those: they go at exec.
func dropCapabilities() error {
	drop := os.Getenv(dropEnv)
	if drop == "" || os.Geteuid() != 0 {
		return nil
	}
	os.Unsetenv(dropEnv)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return err
	}
	args := append([]string{"setpriv", "--bounding-set=" + drop, self}, os.Args[1:]...)
	return unix.Exec(setpriv, args, os.Environ())
}

// TestScripts runs the sessions in testdata on real mounts of the real tree.
// Each has a mountpoint of its own, $MNT, and a group of its own, $G through
// the mount and $RAW in the kernel's tree.
func TestScripts(t *testing.T) {
	runScripts(t, "", testscript.Params{Dir: "testdata"})
}

// TestScriptsByPath runs sessions on a daemon that cannot open a group by its
// number, as it is before Linux 4.14 and without CAP_DAC_READ_SEARCH, and finds
// it by its path.
func TestScriptsByPath(t *testing.T) {
	names := []string{"fresh", "transcript"}
	if !testing.Short() {
		names = append(names, "badinput", "limits", "live", "reading", "users")
	}
	var files []string
	for _, name := range names {
		files = append(files, filepath.Join("testdata", name+".txtar"))
	}
	runScripts(t, "-dac_read_search", testscript.Params{Files: files})
}

func runScripts(t *testing.T, drop string, p testscript.Params) {
	testgroup.Require(t)
	p.RequireExplicitExec = true
	p.Condition = condition
	p.Setup = func(env *testscript.Env) error {
		env.Setenv(dropEnv, drop)
		return setup(env)
	}
	p.Cmds = map[string]func(*testscript.TestScript, bool, []string){
		"eventually": eventually,
	}
	testscript.Run(t, p)
}

func setup(env *testscript.Env) error {
	raw, err := testgroup.Make()
	if err != nil {
		return err
	}
	// The scripts run as several users, and the work directory is in /tmp.
	for dir := env.WorkDir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	mnt := filepath.Join(env.WorkDir, "mnt")
	env.Setenv("MNT", mnt)
	env.Setenv("RAW", raw)
	env.Setenv("GROUP", filepath.Base(raw))
	env.Setenv("G", filepath.Join(mnt, filepath.Base(raw)))
	env.Setenv("OUTSIDE", strconv.Itoa(os.Getpid()))
	env.Defer(func() {
		unmountBelow(env.WorkDir)
		// A container has groups of this name in the other hierarchies too.
		groups, _ := filepath.Glob(filepath.Join(filepath.Dir(testgroup.Root), "*", filepath.Base(raw)))
		for _, group := range groups {
			if err := testgroup.Remove(group); err != nil {
				panic(err)
			}
		}
	})
	return nil
}

// unmountBelow takes away what a script that failed has left mounted.
func unmountBelow(dir string) {
	mounts, _ := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	for _, m := range slices.Backward(mounts) {
		_ = unix.Unmount(m.Mountpoint, unix.MNT_DETACH)
	}
}

func condition(cond string) (bool, error) {
	switch cond {
	case "opener":
		return kernelFrom(5, 16)
	case "disk":
		var st unix.Statfs_t
		err := unix.Statfs(os.TempDir(), &st)
		return st.Type != unix.TMPFS_MAGIC && st.Type != unix.RAMFS_MAGIC, err
	case "pidfd":
		_, err := unix.PidfdGetfd(-1, 0, 0)
		return !errors.Is(err, unix.ENOSYS), nil
	case "swapaccounting":
		_, err := os.Stat(filepath.Join(testgroup.Root, "memory.memsw.limit_in_bytes"))
		return err == nil, nil
	case "flat": // a group does not bound those below it
		text, err := os.ReadFile(filepath.Join(testgroup.Root, "memory.use_hierarchy"))
		return strings.TrimSpace(string(text)) == "0", err
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// eventually runs a command until it succeeds, for at most 20 seconds.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	var err error
	for range 200 {
		err = ts.Exec(args[0], args[1:]...)
		if (err == nil) != neg {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("not within 20 s: %s: %v", strings.Join(args, " "), err)
}

// kernelFrom says that the kernel is of that version or a later one.
func kernelFrom(major, minor int) (bool, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return false, err
	}
	var have [2]int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &have[0], &have[1]); err != nil {
		return false, err
	}
	return have[0] > major || have[0] == major && have[1] >= minor, nil
}
