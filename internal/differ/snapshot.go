package differ

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// state is all that a sequence can have changed in a group and those below it:
// for each path, what root finds there.
type state map[string]string

// stateOf reads the state of a group of the kernel's tree.
func (p *Pair) stateOf(dir string) (state, error) {
	st := state{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			rel, _ := filepath.Rel(dir, path)
			st[rel] = p.found(path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // the sequence may have removed it
	}
	return st, err
}

// found is what is at a path.
func (p *Pair) found(path string) string {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return result(err)
	}
	// Not its times: open(2) with O_TRUNC sets them, where FUSE does not tell
	// it from truncate(2), which does not.
	out := attributes(&st, p.noSizes)
	names := make([]byte, 1<<12)
	if n, err := unix.Llistxattr(path, names); err == nil && n > 0 {
		out += fmt.Sprintf(" xattrs %q", sorted(strings.Split(string(names[:n]), "\x00")))
	}
	return out + p.content(path)
}

// unlike compares the states of both groups, and what can be seen through the
// mount of what the sequence has changed.
func (p *Pair) unlike() (raw, mounted string, err error) {
	a, err := p.stateOf(p.raw)
	if err != nil {
		return "", "", err
	}
	b, err := p.stateOf(p.twin)
	if err != nil {
		return "", "", err
	}
	for path, text := range b {
		if text != p.fresh[path] {
			if seen := p.found(filepath.Join(p.mounted, path)); seen != text {
				return fmt.Sprintf("%q: %s", path, text), fmt.Sprintf("%q: %s, as it can be seen through the mount", path, seen), nil
			}
		}
		if a[path] != text {
			return fmt.Sprintf("%q: %s", path, a[path]), fmt.Sprintf("%q: %s", path, text), nil
		}
	}
	for path, text := range a {
		if b[path] == "" {
			return fmt.Sprintf("%q: %s", path, text), fmt.Sprintf("%q:", path), nil
		}
	}
	return "", "", nil
}

// content is the text of a control file that keeps what is written to it.
func (p *Pair) content(path string) string {
	switch filepath.Base(path) {
	case "tasks", "cgroup.procs":
		text, err := readFile(path)
		var names []string
		for field := range strings.FieldsSeq(string(text)) {
			pid, _ := strconv.Atoi(field)
			name, ok := p.crowd.tasks[pid]
			if !ok {
				name = "a stranger"
			}
			names = append(names, name)
		}
		return fmt.Sprint(" ", sorted(names), err)
	case "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.swappiness",
		"notify_on_release", "memory.oom_control", "memory.use_hierarchy", "memory.move_charge_at_immigrate",
		"memory.kmem.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes", "cgroup.clone_children":
		text, err := readFile(path)
		return fmt.Sprintf(" %q %v", text, err)
	}
	return ""
}

// readFile is os.ReadFile with half the system calls: that has the Go runtime
// wait for the file, as those of cgroups can be waited for.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var text []byte
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		if n <= 0 || err != nil {
			return text, err
		}
		text = append(text, buf[:n]...)
	}
}
