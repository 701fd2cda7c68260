package differ

import (
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// What is done to groups, and what a directory shows.
var groupOperations = []operation{
	{"mkdir", "group mode", 10, func(c *call) string {
		return result(unix.Mkdir(c.path(0), uint32(c.int(1))))
	}},
	{"umask", "mode", 1, func(c *call) string {
		unix.Umask(c.int(0))
		return ""
	}},
	{"rmdir", "group", 5, func(c *call) string { return result(unix.Rmdir(c.path(0))) }},
	{"rename", "path newpath rename", 6, func(c *call) string {
		return result(unix.Renameat2(unix.AT_FDCWD, c.path(0), unix.AT_FDCWD, c.path(1), uint(c.flags(2))))
	}},
	{"unlink", "path", 1, func(c *call) string { return result(unix.Unlink(c.path(0))) }},
	{"symlink", "newpath", 1, func(c *call) string { return result(unix.Symlink("target", c.path(0))) }},
	{"link", "path newpath", 1, func(c *call) string { return result(unix.Link(c.path(0), c.path(1))) }},
	{"mknod", "newpath mode", 1, func(c *call) string {
		return result(unix.Mknod(c.path(0), unix.S_IFIFO|uint32(c.int(1)), 0))
	}},
	{"list", "group buffer", 4, func(c *call) string {
		fd, err := unix.Open(c.path(0), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return result(err)
		}
		defer unix.Close(fd)
		return listing(fd, c.int(1))
	}},
	{"relist", "slot buffer", 3, func(c *call) string {
		open, ok := c.slot(0)
		if !ok {
			return ""
		}
		if _, err := unix.Seek(open.fd, 0, 0); err != nil {
			return result(err)
		}
		return listing(open.fd, c.int(1))
	}},
	{"seekdir", "slot buffer", 1, func(c *call) string {
		open, ok := c.slot(0)
		if !ok {
			return ""
		}
		return seekEach(open.fd, c.int(1))
	}},
	{"chdir", "group", 2, func(c *call) string {
		defer func() { _ = unix.Chdir("/") }()
		if err := unix.Chdir(c.path(0)); err != nil {
			return result(err)
		}
		var st unix.Stat_t
		return result(unix.Stat(".", &st), st.Mode, " ", st.Uid)
	}},
	{"fchdir", "slot leaf", 1, func(c *call) string {
		open, ok := c.slot(0)
		if !ok {
			return ""
		}
		defer func() { _ = unix.Chdir("/") }()
		if err := unix.Fchdir(open.fd); err != nil {
			return result(err)
		}
		var st unix.Stat_t
		return result(unix.Stat(c.args[1], &st), st.Mode, " ", st.Uid)
	}},
}

// virtualNames are those of the files that memcgfs adds, which a listing on the
// mounted side has besides.
var virtualNames = []string{"limit.human", "usage.human", "usage.live", "peak.human", "stat.human", "why"}

type dirent struct {
	name string
	kind byte
	ino  uint64
	next int64 // the offset of the entry that comes after it
}

// entries reads a directory on from where it is; virtual files are left out.
func entries(fd, size int) (all []dirent, err error) {
	buf := make([]byte, size)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil || n <= 0 {
			return all, err
		}
		for b := buf[:n]; len(b) > 0; {
			length := binary.NativeEndian.Uint16(b[16:])
			name := b[19:length]
			e := dirent{
				name: unix.ByteSliceToString(name), kind: b[18],
				ino: binary.NativeEndian.Uint64(b), next: int64(binary.NativeEndian.Uint64(b[8:])),
			}
			if e.kind == unix.DT_DIR || !slices.Contains(virtualNames, e.name) {
				all = append(all, e)
			}
			b = b[length:]
		}
	}
}

// listing is what is in a directory, with the kinds, in the order in which the
// kernel gives it.
func listing(fd, size int) string {
	all, err := entries(fd, size)
	out := ""
	for _, e := range all {
		out += fmt.Sprintf("%q/%d ", e.name, e.kind)
		var st unix.Stat_t
		const sample = 7 // not each, as that takes time
		if e.ino%sample == 0 && e.name != ".." && unix.Fstatat(fd, e.name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Ino != e.ino {
			out += "of another number "
		}
	}
	return result(err, out)
}

// seekEach reads a directory from each offset that it gave.
func seekEach(fd, size int) string {
	if _, err := unix.Seek(fd, 0, 0); err != nil {
		return result(err)
	}
	all, err := entries(fd, size)
	for i, e := range all {
		if i%5 != 0 {
			continue
		}
		if _, err := unix.Seek(fd, e.next, 0); err != nil {
			return result(err) + " in seek"
		}
		rest, err := entries(fd, size)
		if err != nil {
			return result(err) + " after seek"
		}
		if !slices.Equal(rest, all[i+1:]) {
			return fmt.Sprintf("after %q come %d entries, not %d", e.name, len(rest), len(all)-i-1)
		}
	}
	return result(err, len(all))
}
