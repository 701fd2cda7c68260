package differ

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// crowd are the workers, one for each caller. When no step is being made they
// are in the root group, but for their children.
type crowd struct {
	launchers []*exec.Cmd
	members   []*member
	// tasks are all that may be found in a group, by their numbers here.
	tasks map[int]string
}

// member is a worker, as the tester sees it.
type member struct {
	caller *caller
	conn   conn
	hello  reply
	pid    int // here; hello has its numbers there
	thread int
	child  [2]int
}

// patience is how long a step may take.
const patience = 30 * time.Second

func (m *member) ask(r request, files ...int) (answer reply, file int, err error) {
	if err = m.conn.send(r, files...); err == nil {
		file, _, err = m.conn.receive(&answer)
	}
	if err != nil {
		stack, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stack", m.pid))
		err = fmt.Errorf("worker %s (%d): %w\n%s", m.caller.name, m.pid, err, stack)
	}
	return answer, file, err
}

func newCrowd() (*crowd, error) {
	c := &crowd{tasks: map[int]string{}}
	for i := range rooms {
		if err := c.open(&rooms[i]); err != nil {
			c.close()
			return nil, fmt.Errorf("room %q: %w", rooms[i].name, err)
		}
	}
	for _, m := range c.members {
		if err := c.meet(m); err != nil {
			c.close()
			return nil, fmt.Errorf("worker %s: %w", m.caller.name, err)
		}
	}
	for _, m := range c.members {
		numbers, err := c.numbersFor(m)
		if err == nil {
			_, _, err = m.ask(request{Numbers: numbers})
		}
		if err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// launch starts a room's workers, each a child of the room's first process,
// from the program that is open as 3. $1 says whether numbers are to be high.
const launch = `
if [ "$1" = true ]; then echo 4190000 > /proc/sys/kernel/ns_last_pid || exit 1; fi
shift
for worker; do ` + workerEnv + `=$worker GODEBUG=asyncpreemptoff=1 /proc/self/fd/3 & done
wait`

// open starts the callers of a room.
func (c *crowd) open(r *room) error {
	// By its descriptor, as the directory it is in may be closed to them.
	program, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer program.Close()
	cmd := exec.Command("/bin/sh", "-c", launch, "sh", strconv.FormatBool(r.numbers))
	cmd.Dir, cmd.Stderr = "/", os.Stderr
	cmd.ExtraFiles = []*os.File{program}
	attr := r.attr
	cmd.SysProcAttr = &attr
	for i := range callers {
		if callers[i].room != r.name {
			continue
		}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		theirs := os.NewFile(uintptr(pair[1]), "socket")
		defer theirs.Close()
		cmd.Args = append(cmd.Args, fmt.Sprintf("%s:%d", callers[i].name, 3+len(cmd.ExtraFiles)))
		cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
		c.members = append(c.members, &member{caller: &callers[i], conn: conn{fd: pair[0]}})
		timeout := unix.NsecToTimeval(patience.Nanoseconds())
		if err := errors.Join(
			unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1),
			unix.SetsockoptTimeval(pair[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
			unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 2*maxMessage),
			unix.SetsockoptInt(pair[1], unix.SOL_SOCKET, unix.SO_SNDBUF, 2*maxMessage),
		); err != nil {
			return err
		}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.launchers = append(c.launchers, cmd)
	return nil
}

// meet hears of a worker's tasks, finds out their numbers here, and moves them
// to the root group.
func (c *crowd) meet(m *member) (err error) {
	if _, m.pid, err = m.conn.receive(&m.hello); err != nil {
		return err
	}
	for name, task := range map[string]struct {
		number int
		here   *int
	}{
		"": {m.hello.Pid, &m.pid}, ".thread": {m.hello.Thread, &m.thread},
		".child": {m.hello.Children[0], &m.child[0]}, ".child ": {m.hello.Children[1], &m.child[1]},
	} {
		if name != "" {
			if *task.here, err = numberHere(m.pid, task.number); err != nil {
				return fmt.Errorf("find %s%s: %w", m.caller.name, name, err)
			}
		}
		c.tasks[*task.here] = m.caller.name + strings.TrimSpace(name)
	}
	for _, pid := range []int{m.pid, m.child[0], m.child[1]} {
		if err := goHome(pid); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) byName(name string) *member {
	for _, m := range c.members {
		if m.caller.name == name {
			return m
		}
	}
	panic("no caller " + name)
}

func (c *crowd) close() {
	for _, m := range c.members {
		unix.Close(m.conn.fd) // upon which it ends
	}
	for _, cmd := range c.launchers {
		_ = cmd.Wait()
	}
}
