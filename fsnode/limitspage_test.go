package fsnode_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memcgfs/internal/testdoc"
	"memcgfs/internal/testgroup"
	"memcgfs/internal/testmount"
)

// limit is what one row of docs/limits.md speaks of: it is done in a new group
// of the kernel's tree, and in one of the mount. There is a group a in it,
// which belongs to root.
type limit struct {
	what string
	do   func(l limitRun) string
}

type limitRun struct {
	t          *testing.T
	dir, other string // the group, and the same group in the other tree
	nobody     *actor // some user without rights
}

var limits = []limit{
	{"poll(2) on `memory.usage_in_bytes`", func(l limitRun) string {
		fd := l.open("memory.usage_in_bytes", unix.O_RDONLY)
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLPRI}}
		if _, err := unix.Poll(fds, 100); err != nil {
			return result(err)
		}
		var events []string
		for bit, name := range map[int16]string{unix.POLLIN: "POLLIN", unix.POLLPRI: "POLLPRI", unix.POLLERR: "POLLERR"} {
			if fds[0].Revents&bit != 0 {
				events = append(events, name)
			}
		}
		slices.Sort(events)
		return strings.Join(events, " ")
	}},
	{"`M` written to `memory.soft_limit_in_bytes`", func(l limitRun) string {
		return l.write("memory.soft_limit_in_bytes", "M")
	}},
	{"`16E`, likewise", func(l limitRun) string { return l.write("memory.soft_limit_in_bytes", "16E") }},
	{"`100`, likewise", func(l limitRun) string { return l.write("memory.soft_limit_in_bytes", "100") }},
	{"`20` and a NUL byte, likewise", func(l limitRun) string { return l.write("memory.soft_limit_in_bytes", "20M\x00") }},
	{"sendfile(2) from `memory.limit_in_bytes`, opened with O_RDWR", func(l limitRun) string {
		out, err := unix.MemfdCreate("out", unix.MFD_CLOEXEC)
		if err != nil {
			l.t.Fatal(err)
		}
		defer unix.Close(out)
		n, err := unix.Sendfile(out, l.open("memory.limit_in_bytes", unix.O_RDWR), nil, 1<<16)
		return result(err, n, " bytes")
	}},
	{"inotify on a file that is written to on the other tree", func(l limitRun) string {
		fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
		if err != nil {
			l.t.Fatal(err)
		}
		defer unix.Close(fd)
		if _, err := unix.InotifyAddWatch(fd, filepath.Join(l.dir, "memory.swappiness"), unix.IN_MODIFY); err != nil {
			return result(err)
		}
		if err := os.WriteFile(filepath.Join(l.other, "memory.swappiness"), []byte("10"), 0); err != nil {
			l.t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if n, _ := unix.Read(fd, make([]byte, 1024)); n <= 0 {
			return "no event"
		}
		return "event"
	}},
	{"statfs(2), the type of the file system", func(l limitRun) string {
		var st unix.Statfs_t
		if err := unix.Statfs(l.dir, &st); err != nil {
			return result(err)
		}
		return map[int64]string{unix.CGROUP_SUPER_MAGIC: "cgroup", unix.FUSE_SUPER_MAGIC: "fuse"}[st.Type]
	}},
	{"mkdir(2) of `usage.human`", func(l limitRun) string { return result(unix.Mkdir(filepath.Join(l.dir, "usage.human"), 0o755)) }},
	{"unlink(2) of a group, by a user without rights", func(l limitRun) string {
		return l.asNobody(func() error { return unix.Unlink(filepath.Join(l.dir, "a")) })
	}},
	{"rename(2) of a file over a group, likewise", func(l limitRun) string {
		return l.asNobody(func() error { return unix.Rename(filepath.Join(l.dir, "tasks"), filepath.Join(l.dir, "a")) })
	}},
	{"open(2) of a file with O_DIRECTORY, in a group that may not be searched", func(l limitRun) string {
		return l.private(func() error { return l.tryOpen("a/tasks", unix.O_RDONLY|unix.O_DIRECTORY) })
	}},
	{"stat(2) of a file that the same user has open, likewise", func(l limitRun) string {
		fd := -1
		l.nobody.do(func() { fd, _ = unix.Open(filepath.Join(l.dir, "a/memory.stat"), unix.O_RDONLY|unix.O_CLOEXEC, 0) })
		defer unix.Close(fd)
		return l.private(func() error {
			var st unix.Stat_t
			return unix.Stat(filepath.Join(l.dir, "a/memory.stat"), &st)
		})
	}},
	{"setxattr(2) of `trusted.x`, likewise", func(l limitRun) string {
		return l.private(func() error { return unix.Setxattr(filepath.Join(l.dir, "a/memory.stat"), "trusted.x", nil, 0) })
	}},
}

// TestLimitsPage does what each row of docs/limits.md speaks of on the kernel's
// tree and on a mount, and compares what comes of it with the row.
func TestLimitsPage(t *testing.T) {
	rows := testdoc.Table(t, testdoc.Read(t, "docs/limits.md"), "| what | kernel's tree | memcgfs | reason |")
	m := testmount.Start(t)
	if len(rows) != len(limits) {
		t.Errorf("the page has %d rows, and %d are tried", len(rows), len(limits))
	}
	nobody := newActor(t, 12302, 12302, nil)
	for i, row := range rows[:min(len(rows), len(limits))] {
		l := limits[i]
		if row[0] != l.what {
			t.Errorf("row %d is %q, and %q is tried", i, row[0], l.what)
			continue
		}
		for side, shown := range row[1:3] {
			raw := testgroup.New(t)
			if err := os.MkdirAll(filepath.Join(raw, "a", "b"), 0o755); err != nil {
				t.Fatal(err)
			}
			run := limitRun{t: t, nobody: nobody, dir: raw, other: filepath.Join(m.Dir, filepath.Base(raw))}
			if side == 1 {
				run.dir, run.other = run.other, run.dir
			}
			got := strings.ReplaceAll(l.do(run), "ENOTSUP", "EOPNOTSUPP") // one number
			if got != shown {
				t.Errorf("%s, on the %s: %s; the page says %s", l.what, []string{"kernel's tree", "mount"}[side], got, shown)
			}
		}
	}
}

func (l limitRun) open(name string, flags int) int {
	fd, err := unix.Open(filepath.Join(l.dir, name), flags|unix.O_CLOEXEC, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// write gives the number that is there afterwards, where there is one.
func (l limitRun) write(name, text string) string {
	if _, err := unix.Write(l.open(name, unix.O_WRONLY), []byte(text)); err != nil {
		return result(err)
	}
	after, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		return "ok"
	}
	return "ok, reads as " + strings.TrimSpace(string(after))
}

// private does something as nobody when the group a may not be searched by him
// any more, though he has looked everything in it up before.
func (l limitRun) private(do func() error) string {
	a := filepath.Join(l.dir, "a")
	for _, name := range []string{"b", "tasks", "memory.stat"} {
		l.nobody.do(func() { _, _ = os.Stat(filepath.Join(a, name)) })
	}
	if err := os.Chmod(a, 0o700); err != nil {
		l.t.Fatal(err)
	}
	return l.asNobody(do)
}

func (l limitRun) asNobody(do func() error) (got string) {
	l.nobody.do(func() { got = result(do()) })
	return got
}

func (l limitRun) tryOpen(name string, flags int) error {
	fd, err := unix.Open(filepath.Join(l.dir, name), flags|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}
