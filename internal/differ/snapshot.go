package differ

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// snapshot is all that a sequence can have changed in a group and those below
// it, as root sees it.
func (p *Pair) snapshot(dir string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if !d.IsDir() && slices.Contains(virtualNames, d.Name()) {
			return nil
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return fmt.Errorf("lstat %s: %w", path, err)
		}
		fmt.Fprintf(&b, "%q %s", rel, attributes(&st))
		// Not its times: open(2) with O_TRUNC sets them, where FUSE does not
		// tell it from truncate(2), which does not.
		names := make([]byte, 1<<12)
		if n, err := unix.Llistxattr(path, names); err == nil && n > 0 {
			fmt.Fprintf(&b, " xattrs %q", sorted(strings.Split(string(names[:n]), "\x00")))
		}
		if text, ok := p.content(path); ok {
			fmt.Fprintf(&b, " %s", text)
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String(), err
}

// content is the text of a control file that keeps what is written to it.
func (p *Pair) content(path string) (string, bool) {
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
		return fmt.Sprint(sorted(names), err), true
	case "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.swappiness",
		"notify_on_release", "memory.oom_control", "memory.use_hierarchy", "memory.move_charge_at_immigrate",
		"memory.kmem.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes", "cgroup.clone_children":
		text, err := readFile(path)
		return fmt.Sprintf("%q %v", text, err), true
	}
	return "", false
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
