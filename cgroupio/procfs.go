package cgroupio

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// procfs is the /proc that the daemon's own pid namespace is seen in.
type procfs struct {
	fd             int
	userNS         uint64 // the daemon's own
	statusBuffers  sync.Pool
	maxStatusBytes int
}

func openProcfs() (*procfs, error) {
	fd, err := openRetry(unix.AT_FDCWD, "/proc", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("open /proc: %w", err)
	}
	p := &procfs{fd: fd, maxStatusBytes: 1 << 20}
	p.statusBuffers.New = func() any { b := make([]byte, 8192); return &b }
	self := os.Getpid()
	if seen, rerr := p.self(); rerr != nil || seen != self {
		p.close()
		return nil, fmt.Errorf("/proc is another pid namespace's, in which callers would be mistaken for others; mount one of this namespace: %w",
			unix.EOPNOTSUPP)
	}
	if p.userNS, err = p.namespace(self, "user"); err != nil {
		p.close()
		return nil, fmt.Errorf("read the daemon's own user namespace: %w", err)
	}
	return p, nil
}

func (p *procfs) close() { unix.Close(p.fd) }

// self is the number of this process where the /proc was mounted.
func (p *procfs) self() (int, error) {
	buf := make([]byte, 32)
	n, err := unix.Readlinkat(p.fd, "self", buf)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(buf[:n]))
}

// namespace gives the number of one of pid's namespaces.
func (p *procfs) namespace(pid int, kind string) (uint64, error) {
	var st unix.Stat_t
	err := unix.Fstatat(p.fd, strconv.Itoa(pid)+"/ns/"+kind, &st, 0)
	return st.Ino, err
}

// status is what /proc/PID/status says of a task's credentials.
type status struct {
	uid, gid [4]uint32 // real, effective, saved, file system
	groups   []uint32
	caps     uint64 // effective
	// pids are the task's numbers, the daemon's namespace first and the
	// task's own last; none before Linux 4.1.
	pids []uint32
	tgid int // of its process
	// mayBeWorker says that the task looks like one that runs requests of
	// others: see [procfs.isWorker].
	mayBeWorker bool
}

// read gives the whole file name below /proc.
func (p *procfs) read(name string, use func([]byte) error) error {
	fd, err := openRetry(p.fd, name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buf := p.statusBuffers.Get().(*[]byte)
	defer p.statusBuffers.Put(buf)
	n := 0
	for {
		m, err := unix.Read(fd, (*buf)[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n += m; m == 0 {
			return use((*buf)[:n])
		}
		// A task may have 65536 groups, each up to ten digits.
		if n == len(*buf) && n < p.maxStatusBytes {
			*buf = append(*buf, make([]byte, n)...)
		}
	}
}

func (p *procfs) status(pid int) (status, error) {
	var st status
	err := p.read(strconv.Itoa(pid)+"/status", func(b []byte) error {
		return st.parse(b)
	})
	return st, err
}

func (st *status) parse(b []byte) error {
	seen := 0
	st.mayBeWorker = true
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		switch string(key) {
		case "Uid":
			copy(st.uid[:], numbers(value))
		case "Gid":
			copy(st.gid[:], numbers(value))
		case "Groups":
			st.groups = numbers(value)
		case "CapEff":
			caps, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
			if err != nil {
				return fmt.Errorf("parse CapEff: %w", err)
			}
			st.caps = caps
		case "VmSize": // a kernel thread has no memory of its own
			st.mayBeWorker = false
			continue
		case "SigBlk": // an io_uring worker blocks all that can be blocked
			blocked, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
			st.mayBeWorker = st.mayBeWorker || err != nil || blocked|1<<(unix.SIGKILL-1)|1<<(unix.SIGSTOP-1) == math.MaxUint64
			continue
		case "Tgid":
			if n := numbers(value); len(n) == 1 {
				st.tgid = int(n[0])
			}
			continue
		case "NSpid":
			st.pids = numbers(value)
			continue
		default:
			continue
		}
		seen++
	}
	if seen != 4 {
		return fmt.Errorf("/proc status without Uid, Gid, Groups and CapEff: %w", unix.EIO)
	}
	return nil
}

// isWorker says that a task is a kernel thread or an io_uring worker. Such a
// task makes requests for others, with credentials that are lent to it, while
// /proc shows those that it was born with.
func (p *procfs) isWorker(pid int) bool {
	const kernelThread, ioWorker = 0x200000, 0x10 // PF_KTHREAD, PF_IO_WORKER: include/linux/sched.h
	flags, err := p.stat(pid, 9)
	n, perr := strconv.ParseUint(flags, 10, 64)
	return err != nil || perr != nil || n&(kernelThread|ioWorker) != 0
}

// stat gives a field of /proc/PID/stat, numbered as in proc_pid_stat(5).
func (p *procfs) stat(pid, field int) (value string, err error) {
	err = p.read(strconv.Itoa(pid)+"/stat", func(b []byte) error {
		// The second field, the command's name in parentheses, may hold
		// anything.
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(fields) <= field-3 {
			return fmt.Errorf("/proc stat without field %d: %w", field, unix.EIO)
		}
		value = string(fields[field-3])
		return nil
	})
	return value, err
}

func numbers(b []byte) []uint32 {
	var out []uint32
	for field := range bytes.FieldsSeq(b) {
		if n, err := strconv.ParseUint(string(field), 10, 32); err == nil {
			out = append(out, uint32(n))
		}
	}
	return out
}
