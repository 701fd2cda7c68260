package differ

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// workerEnv says that the program is a worker: NAME:FD, the caller that it is
// and the descriptor of its socket.
const workerEnv = "MEMCGFS_DIFFER"

func init() {
	if os.Getenv(workerEnv) != "" {
		// The first thread, after which the process is named, acts.
		runtime.LockOSThread()
	}
}

// Work makes the process a worker if it was started as one, and then does not
// return. A test's main function begins with it.
func Work() {
	spec := os.Getenv(workerEnv)
	if spec == "" {
		return
	}
	name, number, _ := strings.Cut(spec, ":")
	fd, err := strconv.Atoi(number)
	if err == nil {
		w := &worker{conn: conn{fd: fd}, caller: callerByName(name)}
		err = w.work()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "worker %s: %v\n", spec, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// worker is a process that acts as one caller, on both sides.
type worker struct {
	conn    conn
	caller  *caller
	numbers map[string][2]int
	noSizes bool
	thread  chan func() // what a thread does that is not the first
	sides   [2]side
	give    int // the open file that goes along with the reply, -1 for none
	giving  string
}

// side is what a worker has on one side.
type side struct {
	index int // 0 is the raw one
	dir   string
	slots map[string]slot
}

// slot keeps an open file for later steps.
type slot struct {
	fd   int
	path string
}

func (s *side) put(name string, in slot) {
	if old, ok := s.slots[name]; ok {
		unix.Close(old.fd)
	}
	s.slots[name] = in
}

func (w *worker) work() error {
	for fd := 3; fd < 64; fd++ { // those of the other workers
		if fd != w.conn.fd {
			unix.CloseOnExec(fd)
		}
	}
	unix.CloseOnExec(w.conn.fd)
	unix.Umask(0o022)
	hello := reply{Pid: os.Getpid()}
	w.thread = make(chan func())
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		hello.Thread = unix.Gettid()
		started <- w.caller.become()
		for do := range w.thread {
			do()
		}
	}()
	if err := errors.Join(<-started, w.caller.become()); err != nil {
		return err
	}
	for i := range hello.Children {
		child := exec.Command("/bin/sleep", "100000")
		// It is not the group's business how the worker ends.
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
		if err := child.Start(); err != nil {
			return err
		}
		hello.Children[i] = child.Process.Pid
	}
	if err := w.conn.send(hello); err != nil {
		return err
	}
	for {
		var r request
		file, _, err := w.conn.receive(&r)
		if err != nil {
			return nil // the tester has ended
		}
		w.give = -1
		answer := reply{}
		switch {
		case r.Numbers != nil:
			w.numbers = r.Numbers
		case r.Dirs != nil:
			w.noSizes = r.NoSizes
			w.reset(r.Dirs)
		case r.Take != "":
			w.sides[r.Side].put(r.Take, slot{file, string(r.Path)})
		default:
			answer.Outcome = w.make(&r)
		}
		if w.give >= 0 {
			answer.Path = []byte(w.giving)
			err = w.conn.send(answer, w.give)
		} else {
			err = w.conn.send(answer)
		}
		if err != nil {
			return err
		}
	}
}

func (w *worker) reset(dirs []string) {
	unix.Umask(0o022)
	for i := range w.sides {
		s := &w.sides[i]
		for _, open := range s.slots {
			unix.Close(open.fd)
		}
		*s = side{index: i, dir: dirs[i], slots: map[string]slot{}}
	}
}

func (w *worker) make(r *request) string {
	sequence, err := Parse(r.Step)
	if err != nil {
		return "harness: " + err.Error()
	}
	return operationByName(sequence[0].Op).run(&call{
		w: w, s: &w.sides[r.Side], args: sequence[0].Args, text: r.Text,
	})
}

// call is a step as it is made on one side.
type call struct {
	w    *worker
	s    *side
	args []string
	text verdict
}

// path is the n-th argument below the group of the side.
func (c *call) path(n int) string {
	if c.args[n] == "." {
		return c.s.dir
	}
	return c.s.dir + "/" + c.args[n]
}

func (c *call) int(n int) int {
	v, err := strconv.ParseInt(c.args[n], 0, 64)
	if err != nil {
		panic(fmt.Sprintf("argument %q is not a number", c.args[n]))
	}
	return int(v)
}

// slot is the open file that the n-th argument names.
func (c *call) slot(n int) (slot, bool) {
	open, ok := c.s.slots[c.args[n]]
	return open, ok
}

// result is the outcome of a system call: the errno's name, or ok and what it
// gave.
func result(err error, extra ...any) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace("ok " + fmt.Sprint(extra...))
}
