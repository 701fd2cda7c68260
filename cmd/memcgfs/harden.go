package main

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// keptCaps are the capabilities that the daemon needs, and no other is within
// its reach. A caller who has others does not get them here either: the files
// of a cgroup tree ask for none of them.
var keptCaps = []int{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_SETFCAP, // as the caller; the third for open_by_handle_at(2)
	unix.CAP_SETUID, unix.CAP_SETGID, // to act as the caller
	unix.CAP_SYS_PTRACE,   // who the caller is, and his eventfds
	unix.CAP_SYS_ADMIN,    // mounting, passthrough, trusted attributes; release_agent as the caller
	unix.CAP_SYS_RESOURCE, // limits below
}

// giveUpRights takes all other capabilities from what the calling thread
// starts, for good. Where it may not drop them from what is within reach, the
// daemon has those that it was given.
func giveUpRights() error {
	for c := 0; ; c++ {
		within, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err != nil {
			break // past the last one that the kernel knows
		}
		if within == 0 || slices.Contains(keptCaps, c) {
			continue
		}
		err = unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		if err != nil && err != unix.EPERM {
			return fmt.Errorf("give up capability %d: %w", c, err)
		}
	}
	// What is inheritable is handed on to a program of root's whatever the
	// bounds are.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	err := unix.Capget(&header, &caps[0])
	if err == nil {
		caps[0].Inheritable, caps[1].Inheritable = 0, 0
		err = unix.Capset(&header, &caps[0])
	}
	if err != nil {
		return fmt.Errorf("give up inheritable capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	return nil
}

// oomScore keeps the daemon alive when memory runs out, which is when people
// look at what uses it: -1000 is never, 0 is as everybody (proc_pid_oom_score_adj(5)).
const oomScore = "-900"

// harden is the daemon's own part. What the machine does not allow is left.
func harden() {
	// Its memory holds what users wrote; nobody but root debugs it.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(oomScore), 0)
	// Open files of all users are the daemon's descriptors.
	if text, err := os.ReadFile("/proc/sys/fs/nr_open"); err == nil {
		if most, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
			_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: most})
		}
	}
	// Whoever reads the log may go; a write to it then fails, and that is all.
	signal.Ignore(unix.SIGPIPE)
}
