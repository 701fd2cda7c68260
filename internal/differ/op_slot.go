package differ

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// What is done with open files, by whoever has one.
var slotOperations = []operation{
	{"close", "slot", 1, func(c *call) string {
		open, ok := c.slot(0)
		if !ok {
			return ""
		}
		delete(c.s.slots, c.args[0])
		return result(unix.Close(open.fd))
	}},
	// pass gives a copy of an open file to another caller; see Pair.step.
	{"pass", "slot caller slot", 4, func(c *call) string {
		open, ok := c.slot(0)
		if ok {
			c.w.give, c.w.giving = open.fd, open.path
		}
		return ""
	}},
	onSlot("write", "text", 12, func(c *call, open slot) string { return c.write(open, 1, unix.Write) }),
	onSlot("pwrite", "text offset", 2, func(c *call, open slot) string {
		return c.write(open, 1, func(fd int, b []byte) (int, error) { return unix.Pwrite(fd, b, int64(c.int(2))) })
	}),
	// writev splits the text after the size of its first part.
	onSlot("writev", "text size", 2, func(c *call, open slot) string {
		return c.write(open, 1, func(fd int, b []byte) (int, error) {
			at := min(max(c.int(2), 0), len(b))
			return unix.Writev(fd, [][]byte{b[:at], b[at:]})
		})
	}),
	onSlot("read", "count", 6, func(c *call, open slot) string {
		at, _ := unix.Seek(open.fd, 0, 1)
		return c.pread(open, c.int(1), at, func(b []byte) (int, error) { return unix.Read(open.fd, b) })
	}),
	onSlot("pread", "count offset", 4, func(c *call, open slot) string {
		at := int64(c.int(2))
		return c.pread(open, c.int(1), at, func(b []byte) (int, error) { return unix.Pread(open.fd, b, at) })
	}),
	onSlot("lseek", "offset whence", 2, func(c *call, open slot) string {
		var st unix.Stat_t
		flags, err := unix.FcntlInt(uintptr(open.fd), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_PATH != 0 || unix.Fstat(open.fd, &st) != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR {
			return "" // each tree has its own offsets in a directory: see seekdir
		}
		if c.w.noSizes && c.int(2) > 1 {
			return "" // from the end, or for data
		}
		at, err := unix.Seek(open.fd, int64(c.int(1)), c.int(2))
		return result(err, at)
	}),
	onSlot("sendfile", "", 2, func(c *call, open slot) string {
		if flags, err := unix.FcntlInt(uintptr(open.fd), unix.F_GETFL, 0); err == nil && flags&unix.O_ACCMODE == unix.O_RDWR {
			return "" // through the mount it finds nothing, as the file's size is 0
		}
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			return result(err)
		}
		defer unix.Close(pipe[0])
		defer unix.Close(pipe[1])
		var at int64 // so that the position stays
		n, err := unix.Sendfile(pipe[1], open.fd, &at, 1<<14)
		if err != nil || n == 0 {
			return result(err, "nothing")
		}
		b := make([]byte, 1<<15)
		n, err = unix.Read(pipe[0], b[:max(n, 1)])
		return result(err, c.read(open.path, b[:max(n, 0)]))
	}),
	onSlot("fstat", "", 4, func(c *call, open slot) string {
		var st unix.Stat_t
		err := unix.Fstat(open.fd, &st)
		return result(err, c.attributes(&st))
	}),
	onSlot("fchmod", "mode", 2, func(c *call, open slot) string { return result(unix.Fchmod(open.fd, uint32(c.int(1)))) }),
	onSlot("fchown", "id id", 2, func(c *call, open slot) string {
		return result(unix.Fchown(open.fd, c.int(1), c.int(2)))
	}),
	onSlot("futimens", "time time", 2, func(c *call, open slot) string {
		if err := unix.UtimesNanoAt(open.fd, "", c.times(1), unix.AT_EMPTY_PATH); err != nil {
			return result(err)
		}
		var st unix.Stat_t
		err := unix.Fstat(open.fd, &st)
		return result(err, c.seen(1, &st))
	}),
	onSlot("ftruncate", "size", 2, func(c *call, open slot) string { return result(unix.Ftruncate(open.fd, int64(c.int(1)))) }),
	onSlot("fsync", "", 1, func(_ *call, open slot) string { return result(unix.Fsync(open.fd)) }),
	onSlot("fallocate", "size", 1, func(c *call, open slot) string {
		var st unix.Stat_t
		if unix.Fstat(open.fd, &st) == nil && st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
			return "" // FUSE takes these bits off before it finds that it is not supported
		}
		return result(unix.Fallocate(open.fd, 0, 0, int64(c.int(1))))
	}),
	onSlot("flags", "", 1, func(_ *call, open slot) string {
		flags, err := unix.FcntlInt(uintptr(open.fd), unix.F_GETFL, 0)
		return result(err, fmt.Sprintf("%#o", flags))
	}),
	onSlot("setflags", "setfl", 1, func(c *call, open slot) string {
		_, err := unix.FcntlInt(uintptr(open.fd), unix.F_SETFL, c.flags(1))
		return result(err)
	}),
	onSlot("mmap", "", 1, func(_ *call, open slot) string {
		b, err := unix.Mmap(open.fd, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
		if err == nil {
			_ = unix.Munmap(b)
		}
		return result(err)
	}),
	// openat reaches a path from a directory that was opened before.
	onSlot("openat", "slot leaf open", 3, func(c *call, open slot) string {
		fd, err := unix.Openat(open.fd, c.args[2], c.flags(3)|unix.O_CLOEXEC, 0)
		if err == nil {
			c.s.put(c.args[1], slot{fd, open.path + "/" + c.args[2]})
		}
		return result(err)
	}),
	// reopen opens what is open once more, by its link in /proc.
	onSlot("reopen", "slot open", 2, func(c *call, open slot) string {
		fd, err := unix.Open(fmt.Sprintf("/proc/thread-self/fd/%d", open.fd), c.flags(2)&^unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			c.s.put(c.args[1], slot{fd, open.path})
		}
		return result(err)
	}),
	// event registers an eventfd: the slot is open on cgroup.event_control, the
	// other one on what is watched.
	onSlot("event", "slot event", 3, func(c *call, open slot) string {
		watched, ok := c.slot(1)
		if !ok || listsTasks(open.path) || listsSizes(open.path) {
			return ""
		}
		event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return result(err)
		}
		defer unix.Close(event)
		_, err = unix.Write(open.fd, fmt.Appendf(nil, "%d %d %s", event, watched.fd, c.args[2]))
		return result(err)
	}),
}

// onSlot is an operation on an open file, whose slot is the first argument.
func onSlot(name, args string, weight int, run func(*call, slot) string) operation {
	return operation{name, "slot " + args, weight, func(c *call) string {
		open, ok := c.slot(0)
		if !ok {
			return ""
		}
		return run(c, open)
	}}
}

// pread reads once, at the offset at. A part of a list of tasks says nothing,
// as the numbers of the two sides are of different length.
func (c *call) pread(open slot, count int, at int64, call func([]byte) (int, error)) string {
	b := make([]byte, count)
	n, err := call(b)
	b = b[:max(n, 0)]
	if listsTasks(open.path) && (at != 0 || len(b) == count) {
		return result(err)
	}
	return result(err, c.read(open.path, b))
}

func listsSizes(path string) bool { return strings.HasSuffix(path, "_in_bytes") }
