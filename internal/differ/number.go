package differ

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

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
		if in == namespace && roomByName(m.caller.room).numbers && min(pid, thread, child[0], child[1]) < 4190000 {
			return nil, fmt.Errorf("worker %s has the number %d, which could be the machine's", other.caller.name, pid)
		}
		out[other.caller.name] = [2]int{pid, pid}
		out[other.caller.name+".thread"] = [2]int{thread, thread}
		out[other.caller.name+".child"] = child
	}
	return out, nil
}
