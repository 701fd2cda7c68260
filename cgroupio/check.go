package cgroupio

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// check decides on a text that c writes to a control file: it gives the bytes
// that the kernel gets, or a [Refusal].
type check func(c *Caller, text []byte) ([]byte, error)

// checks are the control files whose writes are looked at before the kernel
// sees them; a name with a star stands for all that end alike. Everything else
// passes as it is.
var checks = []struct {
	name  string
	check check
}{
	{"*limit_in_bytes", checkLimit},
	{"*_in_bytes", checkCount},
	{"tasks", checkPid},
	{"cgroup.procs", checkPid},
	{"cgroup.threads", checkPid},
	{"cgroup.event_control", refuseEvents},
}

func checkWrite(c *Caller, name string, text []byte) ([]byte, error) {
	if len(text) > maxText {
		return nil, tooLong(text)
	}
	for _, entry := range checks {
		suffix, isPattern := strings.CutPrefix(entry.name, "*")
		if name == entry.name || isPattern && strings.HasSuffix(name, suffix) {
			return entry.check(c, text)
		}
	}
	return text, nil
}

func checkLimit(_ *Caller, text []byte) ([]byte, error) {
	return text, CheckKernelSize(text, true)
}

// checkCount is for the high-water marks, which the kernel sets back whatever
// the text says, and for future files.
func checkCount(_ *Caller, text []byte) ([]byte, error) {
	return text, CheckKernelSize(text, false)
}

// checkPid turns the number of a task into what the daemon must write for the
// kernel to find that task.
func checkPid(c *Caller, text []byte) ([]byte, error) {
	value := quote(text)
	number := strings.TrimPrefix(string(bytes.TrimSpace(text)), "+")
	// The kernel reads it with base 0, as kstrtoint does, where 0b and _ are
	// not known.
	pid, err := strconv.ParseInt(number, 0, 32)
	if err != nil || pid < 0 || strings.ContainsAny(number, "_bBoO+") && !strings.HasPrefix(strings.ToLower(number), "0x") {
		return nil, &Refusal{
			Value: value, Errno: unix.EINVAL, Reason: "not the number of a process",
			Try: "write one process ID in each write, or 0 for the writing process",
		}
	}
	switch {
	case c.foreignPID && c.Tid == 0:
		return nil, &Refusal{
			Value: value, Errno: unix.EOPNOTSUPP,
			Reason: "the writer cannot be seen from memcgfs's pid namespace, so the number cannot be translated",
			Try:    "write it from the pid namespace that memcgfs was started in",
		}
	case pid == 0:
		// The writing thread; the kernel finds its process by itself
		// where a whole process is moved.
		pid = int64(c.Tid)
	case c.foreignPID:
		return nil, &Refusal{
			Value: value, Errno: unix.EOPNOTSUPP,
			Reason: "the writer is in another pid namespace, where the number means another process than here",
			Try:    "write 0 for the writing process, or write the number from the pid namespace that memcgfs was started in",
		}
	}
	return strconv.AppendInt(nil, pid, 10), nil
}

// refuseEvents keeps the descriptor numbers of the writer from being taken for
// the daemon's own.
func refuseEvents(_ *Caller, text []byte) ([]byte, error) {
	return nil, &Refusal{
		Value: quote(text), Errno: unix.EOPNOTSUPP,
		Reason: "the numbers name open files of the writer, which memcgfs cannot pass to the kernel",
		Try:    fmt.Sprintf("register the event on the kernel's own tree, or read %s", "usage.live"),
	}
}
