package differ

import (
	"slices"
	"strings"
)

// difference is one that is known and explained in docs/limits.md. Where what is
// refused on one side is done on the other, a sequence ends with it.
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
		raw: "EACCES EPERM", mounted: "EISDIR ENOTDIR",
	},
	{
		why: "so does it find that directories have no hard links, that there are no files without a name, whose access control lists and access times are",
		ops: "link", raw: "EACCES", mounted: "EPERM",
	},
	{ops: "open openat reopen", flag: "O_TMPFILE", raw: "EACCES", mounted: "ENOTSUP"},
	{
		why: "neither does it ask whether a directory on the way may be searched, until something is looked up in it",
		ops: "rename link mkdir chown lchown", raw: "EACCES", mounted: "ENOENT EBUSY EEXIST EINVAL",
	},
	{flag: "/.", raw: "EACCES"},
	{ops: "getxattr", flag: "trusted.", raw: "EACCES", mounted: "ENODATA"},
	{
		why: "statfs(2), which says the same of all files, does not look up again what was found before its directory was closed",
		ops: "statfs", raw: "EACCES", mounted: "ok",
	},
	{
		why: "an open file in a directory that the caller may not search any more gets other attributes only by a path: FUSE does not tell by which open file it is asked",
		ops: "fchmod fchown futimens fsetxattr fgetxattr", mounted: "EACCES",
	},
	{ops: "reopen", raw: "ok", mounted: "EACCES"},
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
		why: "the end of a directory is at another offset, and neither of them is one that sendfile(2) takes",
		ops: "sendfile", raw: "EOVERFLOW", mounted: "EINVAL",
	},
	{ops: "lseek", raw: "EINVAL"},
	{ops: "lseek", raw: "ok 2147483647"},
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
		ops: "reopen", mounted: "ESTALE ENOENT",
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

// known says that a step may end in this way on the two sides.
func known(s Step, got [2]string) bool {
	has := func(words, word string) bool {
		errno, _, _ := strings.Cut(strings.ReplaceAll(word, ",", " "), " ")
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
