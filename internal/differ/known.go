package differ

import (
	"slices"
	"strings"
)

// difference is one that is known and explained in docs/limits.md. None has an
// effect: what is refused on one side is refused on the other.
type difference struct {
	why          string
	ops          string // of which it is true, in words; "" for all
	callers      string // likewise
	flag         string // that an argument has
	raw, mounted string // how outcomes begin, likewise, or one in full
}

var differences = []difference{
	{
		why: "of two reasons to refuse, FUSE finds that of the file's kind before it asks memcgfs, and the kernel's tree that of the rights first",
		ops: "rename rmdir unlink open openat", raw: "EACCES EPERM", mounted: "EISDIR ENOTDIR",
	},
	{
		why: "so does it find that directories have no hard links, that there are no files without a name, whose access control lists and access times are",
		ops: "link", raw: "EACCES", mounted: "EPERM",
	},
	{ops: "open openat", raw: "EACCES", mounted: "ENOTSUP"},
	{ops: "rmdir", flag: ".", raw: "EACCES", mounted: "EINVAL"},
	{
		why: "neither does it ask whether a directory on the way may be searched, until something is looked up in it",
		ops: "rename link mkdir", raw: "EACCES", mounted: "ENOENT EBUSY EEXIST",
	},
	{ops: "setxattr fsetxattr removexattr", raw: "ENOTSUP EACCES", mounted: "EPERM"},
	{ops: "open openat reopen", flag: "O_NOATIME", raw: "EACCES", mounted: "EPERM"},
	{
		why: "a file that is not open for writing is not so for pwrite(2) either, where the kernel's files say first that they cannot seek",
		ops: "pwrite", raw: "ESPIPE", mounted: "EBADF",
	},
	{
		why: "access(2) is answered with the effective capabilities, where it leaves those of a user out: FUSE does not tell it from faccessat(2) with AT_EACCESS",
		ops: "access faccessat", callers: "override", raw: "EACCES", mounted: "ok",
	},
	{
		why: "sendfile(2) from a file that is open for writing as well finds nothing, as the file's size is 0",
		ops: "sendfile", mounted: "ok nothing",
	},
	{
		why: "where a directory is open at its end is a number that is too large for sendfile(2), and each tree has its own",
		ops: "sendfile", raw: "EOVERFLOW", mounted: "EINVAL",
	},
	{
		why: "an open file of a removed group cannot get other attributes: FUSE does not tell by which open file it is asked, and there is no other way to it",
		ops: "fchmod fchown futimens fsetxattr fgetxattr", mounted: "ESTALE ENOENT",
	},
	{
		why: "of what is open with O_PATH memcgfs has not been told, so it has nothing to ask about once the group is removed",
		ops: "fstat", raw: "ok", mounted: "ESTALE ENOENT",
	},
	{
		why: "nor can it then be opened by its link in /proc, which has no errno of its own",
		ops: "reopen", raw: "ENODEV ok", mounted: "ESTALE ENOENT",
	},
	{
		why: "a file that cannot be read at all cannot be watched, for another reason than its being none to watch",
		ops: "event", raw: "EINVAL", mounted: "EACCES",
	},
	{
		why: "FUSE moves the position in a file by itself, also in that of a removed group",
		ops: "lseek", raw: "ENODEV",
	},
	{ops: "relist seekdir", raw: "ENODEV", mounted: "ENOTDIR"},
	{
		why: "fcntl(2) sets O_DIRECT, which has no meaning, and which open(2) refuses",
		ops: "setflags", flag: "O_DIRECT", raw: "EINVAL", mounted: "ok",
	},
}

// known says that the last step of a sequence may end in this way on the two
// sides.
func known(sequence []Step, got [2]string) bool {
	s := sequence[len(sequence)-1]
	has := func(words, word string) bool {
		errno, _, _ := strings.Cut(word, " ")
		return words == "" || words == word || slices.Contains(strings.Fields(words), errno)
	}
	for _, d := range differences {
		if has(d.ops, s.Op) && has(d.callers, s.Caller) &&
			strings.Contains(strings.Join(s.Args, " "), d.flag) && has(d.raw, got[0]) && has(d.mounted, got[1]) {
			return true
		}
	}
	return false
}
