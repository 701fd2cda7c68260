package differ

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// What is done to the attributes of what a path names.
var attrOperations = []operation{
	{"stat", "path", 5, func(c *call) string {
		var st unix.Stat_t
		err := unix.Stat(c.path(0), &st)
		return result(err, c.attributes(&st))
	}},
	{"lstat", "path", 1, func(c *call) string {
		var st unix.Stat_t
		err := unix.Lstat(c.path(0), &st)
		return result(err, c.attributes(&st))
	}},
	{"statx", "path statx", 2, func(c *call) string {
		var st unix.Statx_t
		err := unix.Statx(unix.AT_FDCWD, c.path(0), c.flags(1), unix.STATX_BASIC_STATS|unix.STATX_BTIME|unix.STATX_MNT_ID, &st)
		if c.w.noSizes {
			st.Size = 0
		}
		return result(err, fmt.Sprintf("mask %x attributes %x mode %o of %d:%d links %d size %d blocks %d of %d",
			st.Mask, st.Attributes, st.Mode, st.Uid, st.Gid, st.Nlink, st.Size, st.Blocks, st.Blksize))
	}},
	{"statfs", "path", 1, func(c *call) string {
		var st unix.Statfs_t
		err := unix.Statfs(c.path(0), &st)
		return result(err, st.Bsize, " ", st.Blocks, " ", st.Namelen)
	}},
	{"chmod", "path mode", 6, func(c *call) string { return result(unix.Chmod(c.path(0), uint32(c.int(1)))) }},
	{"chown", "path id id", 5, func(c *call) string { return result(unix.Chown(c.path(0), c.int(1), c.int(2))) }},
	{"lchown", "path id id", 1, func(c *call) string { return result(unix.Lchown(c.path(0), c.int(1), c.int(2))) }},
	{"utimes", "path time time", 2, func(c *call) string {
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, c.path(0), c.times(1), 0); err != nil {
			return result(err)
		}
		var st unix.Stat_t
		err := unix.Stat(c.path(0), &st)
		return result(err, c.seen(1, &st))
	}},
	{"access", "path mask", 3, func(c *call) string { return result(unix.Access(c.path(0), uint32(c.int(1)))) }},
	{"faccessat", "path mask at", 3, func(c *call) string {
		return result(unix.Faccessat2(unix.AT_FDCWD, c.path(0), uint32(c.int(1)), c.flags(2)))
	}},
	{"truncate", "path size", 1, func(c *call) string { return result(unix.Truncate(c.path(0), int64(c.int(1)))) }},
}

// attributes are those that a worker compares.
func (c *call) attributes(st *unix.Stat_t) string { return attributes(st, c.w.noSizes) }

func attributes(st *unix.Stat_t, noSizes bool) string {
	if noSizes {
		st.Size = 0
	}
	return fmt.Sprintf("mode %o of %d:%d links %d size %d blocks %d of %d",
		st.Mode, st.Uid, st.Gid, st.Nlink, st.Size, st.Blocks, st.Blksize)
}

// times are the access and change time that the n-th argument and the next one
// give: now, omit or seconds.
func (c *call) times(n int) []unix.Timespec {
	var ts [2]unix.Timespec
	for i := range ts {
		switch c.args[n+i] {
		case "now":
			ts[i].Nsec = unix.UTIME_NOW
		case "omit":
			ts[i].Nsec = unix.UTIME_OMIT
		default:
			ts[i].Sec = int64(c.int(n + i))
		}
	}
	return ts[:]
}

// seen are the times that were given as seconds, as st has them.
func (c *call) seen(n int, st *unix.Stat_t) (out string) {
	for i, at := range []unix.Timespec{st.Atim, st.Mtim} {
		if arg := c.args[n+i]; arg != "now" && arg != "omit" {
			out += fmt.Sprintf("%d.%d ", at.Sec, at.Nsec)
		}
	}
	return out
}
