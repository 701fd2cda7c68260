package differ

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
)

// Where the workers' tasks are: at home in the root group, but for children.

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
