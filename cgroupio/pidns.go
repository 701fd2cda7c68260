package cgroupio

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The numbers of tasks are those of a pid namespace. A caller in another one
// than the daemon's writes his numbers and reads his numbers; the kernel, to
// whom the daemon writes and from whom it reads, takes them for the daemon's.

// pidFromCaller gives the daemon's number of the task that c calls pid. ESRCH
// says that c sees no such task, EOPNOTSUPP that it cannot be found out.
func (p *procfs) pidFromCaller(c *Caller, pid int) (int, error) {
	return p.translate(c, pid, unix.NS_GET_PID_FROM_PIDNS, p.searchCallersPid)
}

// pidToCaller gives c's number of the task that the daemon calls pid; ESRCH
// where c cannot see it.
func (p *procfs) pidToCaller(c *Caller, pid int) (int, error) {
	return p.translate(c, pid, unix.NS_GET_PID_IN_PIDNS, p.pidAtLevel)
}

// noPidIoctl says that the kernel does not translate numbers by itself, which
// it does from Linux 6.11 on (ioctl_nsfs(2)).
var noPidIoctl atomic.Bool

func (p *procfs) translate(c *Caller, pid int, ioctl uint, search func(level int, ns uint64, pid int) (int, error)) (int, error) {
	if cr := c.creds(); cr.err != nil || !cr.foreignPID {
		return pid, cr.err
	}
	if c.Tid == 0 {
		return 0, fmt.Errorf("the caller is not in sight: %w", unix.EOPNOTSUPP)
	}
	fd, err := openRetry(p.fd, strconv.Itoa(c.Tid)+"/ns/pid", unix.O_RDONLY)
	if err != nil {
		return 0, fmt.Errorf("open the caller's pid namespace: %w", errors.Join(unix.EOPNOTSUPP, err))
	}
	defer unix.Close(fd)
	if !noPidIoctl.Load() {
		// The argument is the number itself, not a pointer to it.
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(ioctl), uintptr(pid))
		switch errno {
		case 0:
			return int(n), nil
		case unix.ENOTTY:
			noPidIoctl.Store(true)
		default:
			return 0, errno
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	caller, err := p.status(c.Tid)
	if err != nil {
		return 0, err
	}
	return search(len(caller.pids)-1, st.Ino, pid)
}

// pidAtLevel is for kernels without the ioctl: NSpid in /proc/PID/status lists
// a task's numbers from the daemon's namespace inwards (since Linux 4.1), and
// level is how deep the namespace ns lies.
func (p *procfs) pidAtLevel(level int, ns uint64, pid int) (int, error) {
	st, err := p.status(pid)
	if err != nil || level >= len(st.pids) || !p.isWithin(pid, len(st.pids)-1-level, ns) {
		return 0, unix.ESRCH
	}
	return int(st.pids[level]), nil
}

// searchCallersPid looks through all tasks for the one that is called pid in
// the namespace ns.
func (p *procfs) searchCallersPid(level int, ns uint64, pid int) (int, error) {
	for _, leader := range p.numbered(".") {
		// A process first: few numbers are of other threads.
		if n, err := p.pidAtLevel(level, ns, leader); err == nil && n == pid {
			return leader, nil
		}
	}
	for _, leader := range p.numbered(".") {
		if _, err := p.pidAtLevel(level, ns, leader); err != nil {
			continue
		}
		for _, thread := range p.numbered(strconv.Itoa(leader) + "/task") {
			if n, err := p.pidAtLevel(level, ns, thread); err == nil && n == pid {
				return thread, nil
			}
		}
	}
	return 0, unix.ESRCH
}

// isWithin says that the namespace that lies up levels above pid's own is ns.
func (p *procfs) isWithin(pid, up int, ns uint64) bool {
	fd, err := openRetry(p.fd, strconv.Itoa(pid)+"/ns/pid", unix.O_RDONLY)
	if err != nil {
		return false
	}
	for range up {
		parent, err := unix.IoctlRetInt(fd, unix.NS_GET_PARENT) // since Linux 4.9
		unix.Close(fd)
		if err != nil {
			return false
		}
		fd = parent
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Ino == ns
}

// numbered lists the entries of a directory in /proc whose names are numbers.
func (p *procfs) numbered(dir string) []int {
	fd, err := openRetry(p.fd, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var numbers []int
	for _, name := range entryNames(fd) {
		if n, err := strconv.Atoi(name); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// pidsForCaller turns the numbers in a list of tasks into c's. As the kernel
// does, it leaves out those that c cannot see, and gives the rest in order.
func (p *procfs) pidsForCaller(c *Caller, text []byte) ([]byte, error) {
	var pids []int
	for line := range bytes.FieldsSeq(text) {
		pid, err := strconv.Atoi(string(line))
		if err != nil {
			return nil, fmt.Errorf("parse a list of tasks: %w", errors.Join(err, unix.EIO))
		}
		switch pid, err = p.pidToCaller(c, pid); {
		case err == nil:
			pids = append(pids, pid)
		case !errors.Is(err, unix.ESRCH):
			return nil, err
		}
	}
	slices.Sort(pids)
	var out []byte
	for _, pid := range pids {
		out = append(strconv.AppendInt(out, int64(pid), 10), '\n')
	}
	return out, nil
}

// ownerOf gives the user of the task whose number c wrote.
func (c *Caller) ownerOf(number []byte) (uint32, error) {
	pid, err := callersPid(c, number)
	if err != nil {
		return 0, err
	}
	var st unix.Stat_t
	err = unix.Fstatat(c.proc.fd, strconv.Itoa(pid), &st, 0)
	return st.Uid, err
}

// command is what a process is called in /proc/PID/comm, "?" when it has
// ended.
func (p *procfs) command(pid int) string {
	name := "?"
	_ = p.read(strconv.Itoa(pid)+"/comm", func(b []byte) error {
		name = string(bytes.TrimSpace(b))
		return nil
	})
	return name
}
