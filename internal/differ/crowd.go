package differ

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
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

// pidsOf gives a task's numbers, from the machine's inwards, and its pid
// namespace.
func pidsOf(task string) (numbers []int, namespace string, err error) {
	status, err := os.ReadFile("/proc/" + task + "/status")
	if err != nil {
		return nil, "", err
	}
	_, rest, _ := bytes.Cut(status, []byte("\nNSpid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	for field := range bytes.FieldsSeq(line) {
		n, err := strconv.Atoi(string(field))
		if err != nil {
			return nil, "", err
		}
		numbers = append(numbers, n)
	}
	namespace, err = os.Readlink("/proc/" + task + "/ns/pid")
	return numbers, namespace, err
}

// numberHere finds the task that has the number in the pid namespace of pid,
// among its threads and its children.
func numberHere(pid, number int) (int, error) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	all, _ := filepath.Glob("/proc/[0-9]*")
	_, namespace, err := pidsOf(strconv.Itoa(pid))
	if err != nil {
		return 0, err
	}
	for _, task := range append(tasks, all...) {
		numbers, in, err := pidsOf(strings.TrimPrefix(task, "/proc/"))
		if err == nil && in == namespace && numbers[len(numbers)-1] == number {
			return numbers[0], nil
		}
	}
	return 0, unix.ESRCH
}

// numbersFor gives the numbers that a worker may write. A task that is not in
// its pid namespace has none there, and so the machine's is that of nobody.
func (c *crowd) numbersFor(m *member) (map[string][2]int, error) {
	out := map[string][2]int{"0": {}, "gone": {4194304, 4194304}}
	_, namespace, err := pidsOf(strconv.Itoa(m.pid))
	if err != nil {
		return nil, err
	}
	for _, other := range c.members {
		_, in, err := pidsOf(strconv.Itoa(other.pid))
		if err != nil {
			return nil, err
		}
		pid, thread, child := other.pid, other.thread, other.child
		if in == namespace {
			pid, thread, child = other.hello.Pid, other.hello.Thread, other.hello.Children
		}
		if m.caller.room != "" && in == namespace && rooms[slices.IndexFunc(rooms, func(r room) bool { return r.name == m.caller.room })].numbers && min(pid, thread, child[0], child[1]) < 4190000 {
			return nil, fmt.Errorf("worker %s has the number %d, which could be the machine's", other.caller.name, pid)
		}
		out[other.caller.name] = [2]int{pid, pid}
		out[other.caller.name+".thread"] = [2]int{thread, thread}
		out[other.caller.name+".child"] = child
	}
	return out, nil
}

// goHome moves a process to the root group.
func goHome(pid int) error {
	return os.WriteFile(testgroup.Root+"/cgroup.procs", []byte(strconv.Itoa(pid)), 0)
}

// placeOf is the memory group of a task, "" for the root.
func placeOf(task string) (string, error) {
	text, err := os.ReadFile("/proc/" + task + "/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if _, path, ok := strings.Cut(strings.TrimSpace(line), ":memory:/"); ok {
			return path, nil
		}
	}
	return "", fmt.Errorf("no memory group in %q", text)
}

// moved tells where the writer and whom he wrote are, below dir, and brings
// workers home.
func (c *crowd) moved(m *member, who string, side int, dir string) (out string, err error) {
	watched := []*member{m}
	if name, _, _ := strings.Cut(who, "."); callerByName(name) != nil && name != m.caller.name {
		watched = append(watched, c.byName(name))
	}
	for _, w := range watched {
		atHome := true
		for _, task := range []struct{ name, number string }{
			{"", fmt.Sprint(w.pid)},
			{".thread", fmt.Sprintf("%d/task/%d", w.pid, w.thread)},
			{".child", fmt.Sprint(w.child[side])},
		} {
			place, err := placeOf(task.number)
			if err != nil {
				return "", fmt.Errorf("worker %s%s is gone: %w", w.caller.name, task.name, err)
			}
			if place == "" {
				continue
			}
			if rel, err := filepath.Rel(strings.TrimPrefix(dir, testgroup.Root+"/"), place); err == nil {
				place = rel
			}
			out += fmt.Sprintf(", %s%s in %q", w.caller.name, task.name, place)
			atHome = atHome && task.name == ".child"
		}
		if !atHome {
			if err := goHome(w.pid); err != nil {
				return "", err
			}
		}
	}
	return out, nil
}

// evacuate brings home all that is in a group and those below it. Whoever does
// not belong there is an error, and is brought home as well.
func (c *crowd) evacuate(dir string) (err error) {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, werr error) error {
		if werr != nil || !d.IsDir() {
			return nil
		}
		tasks, _ := readFile(filepath.Join(path, "tasks"))
		for field := range bytes.FieldsSeq(tasks) {
			pid, _ := strconv.Atoi(string(field))
			name, ok := c.tasks[pid]
			if status, serr := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); !ok && serr == nil && !c.isOurs(status) {
				err = fmt.Errorf("a stranger is in %s: %d %s\n%s", path, pid, name, status)
			}
			if herr := goHome(pid); herr != nil && !errors.Is(herr, unix.ESRCH) {
				return herr
			}
		}
		return nil
	})
	return err
}

// isOurs says that a task is a thread of a worker.
func (c *crowd) isOurs(status []byte) bool {
	_, rest, _ := bytes.Cut(status, []byte("\nTgid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	tgid, _ := strconv.Atoi(string(bytes.TrimSpace(line)))
	return slices.ContainsFunc(c.members, func(m *member) bool { return m.pid == tgid })
}
