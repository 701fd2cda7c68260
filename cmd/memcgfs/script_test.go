package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		// The daemon is a process of its own: this binary under its name.
		"memcgfs": func() { os.Exit(run(os.Args[1:])) },
	})
}

// TestScripts runs the sessions in testdata on real mounts of the real tree.
// Each has a mountpoint of its own, $MNT, and a group of its own, $G through
// the mount and $RAW in the kernel's tree.
func TestScripts(t *testing.T) {
	testgroup.Require(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"eventually": eventually,
		},
	})
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
		for unix.Unmount(mnt, unix.MNT_DETACH) == nil {
		}
		if err := testgroup.Remove(raw); err != nil {
			panic(err)
		}
	})
	return nil
}

func condition(cond string) (bool, error) {
	switch cond {
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
