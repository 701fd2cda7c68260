package cgroupio

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// write is a text that a caller writes to a control file.
type write struct {
	caller *Caller
	file   *ControlFile
	group  func() (*Group, error) // opens the file's group
	text   []byte
	kept   []int
}

// keep has fd open until the kernel has had the text.
func (w *write) keep(fd int) { w.kept = append(w.kept, fd) }

func (w *write) close() {
	for _, fd := range w.kept {
		unix.Close(fd)
	}
}

// check decides on a write: it gives the bytes that the kernel gets, or a
// [Refusal].
type check func(w *write) ([]byte, error)

// checks are the control files whose writes are looked at before the kernel
// sees them; a name with a star stands for all that end alike. Everything else
// passes as it is.
var checks = []struct {
	name  string
	check check
	// anyone says that the kernel decided at the opening, and does not look
	// at who writes.
	anyone bool
}{
	{"*limit_in_bytes", checkLimit, true},
	{"*_in_bytes", checkCount, true},
	{"tasks", checkPid, false},
	{"cgroup.procs", checkPid, false},
	{"cgroup.threads", checkPid, false},
	{"cgroup.event_control", passEvent, false},
}

// check looks at the text as the table says for its file. anyone says whether
// the kernel does not look at who writes it.
func (w *write) check() (text []byte, anyone bool, err error) {
	if len(w.text) > maxText {
		return nil, false, tooLong(w.text)
	}
	name := w.file.name
	for _, entry := range checks {
		suffix, isPattern := strings.CutPrefix(entry.name, "*")
		if name == entry.name || isPattern && strings.HasSuffix(name, suffix) {
			if entry.anyone && w.file.mode&0o222 == 0 {
				// Most likely for the kernel to refuse. It need not, as root
				// can open what nobody may write: numbers of tasks and of
				// open files must always be made the daemon's.
				return w.text, false, nil
			}
			text, err = entry.check(w)
			return text, entry.anyone, err
		}
	}
	return w.text, false, nil
}

func checkLimit(w *write) ([]byte, error) {
	return w.text, CheckKernelSize(w.text, true)
}

// checkCount is for the high-water marks, which the kernel sets back whatever
// the text says, and for future files.
func checkCount(w *write) ([]byte, error) {
	return w.text, CheckKernelSize(w.text, false)
}

// listsTasks says that a control file holds numbers of tasks: it is written and
// read in those of the caller's pid namespace.
func listsTasks(name string) bool {
	return name == "tasks" || name == "cgroup.procs" || name == "cgroup.threads"
}

// checkPid turns the number of a task into what the daemon must write for the
// kernel to find that task.
func checkPid(w *write) ([]byte, error) {
	pid, err := callersPid(w.caller, w.text)
	r := &Refusal{Value: quote(w.text)}
	switch {
	case err == nil:
		return strconv.AppendInt(nil, int64(pid), 10), nil
	case errors.Is(err, unix.EINVAL):
		r.Errno, r.Reason = unix.EINVAL, "not the number of a process"
		r.Try = "write one process ID in each write, or 0 for the writing process"
	case errors.Is(err, unix.ESRCH):
		r.Errno, r.Reason = unix.ESRCH, "there is no process with this number in the writer's pid namespace"
		r.Try = "write the number of a running process; ps shows them"
	case w.caller.creds().err != nil:
		return nil, err
	default:
		r.Errno, r.Reason = unix.EOPNOTSUPP, "the writer is in a pid namespace that memcgfs cannot see, so the number cannot be translated"
		r.Try = "write it from the pid namespace that memcgfs was started in, or from one inside that"
	}
	return nil, r
}

// callersPid reads the number of a task that c wrote, and gives the daemon's
// number of it.
func callersPid(c *Caller, text []byte) (int, error) {
	text, _, _ = bytes.Cut(text, []byte{0}) // as it ends for the kernel
	pid, err := kstrtoint(bytes.Trim(text, blanks))
	if err != nil || pid < 0 {
		return 0, unix.EINVAL
	}
	if pid == 0 && c.Tid != 0 {
		// The writing thread; the kernel finds its process by itself
		// where a whole process is moved.
		return c.Tid, nil
	}
	return c.proc.pidFromCaller(c, pid)
}

// kstrtoint reads a number as the kernel's function of that name does with base
// 0: a sign, then digits, octal after 0 and hexadecimal after 0x.
func kstrtoint(s []byte) (int, error) {
	sign, digits := "", string(s)
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		sign, digits = digits[:1], digits[1:]
	}
	base := 10
	switch lower := strings.ToLower(digits); {
	case strings.HasPrefix(lower, "0x"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(lower, "0"):
		base = 8
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseInt(sign+digits, base, 32)
	return int(n), err
}
