package differ

import (
	"slices"
	"strings"
)

// difference is one that is known, with its reason. Where what is refused on one
// side is done on the other, a sequence ends with it.
type difference struct {
	why          string
	ops          string // of which it is true, in words; "" for all
	callers      string // likewise
	flag         string // that an argument has
	open         bool   // only if the path has been opened before
	raw, mounted string // the errnos, likewise
}

const (
	kindFirst   = "of two reasons to refuse, FUSE finds that of the file's kind before it asks memcgfs, and the kernel's tree that of the rights first"
	walk        = "FUSE does not ask whether a directory on the way may be searched, until something is looked up in it"
	byPath      = "FUSE does not tell by which open file attributes are asked for or changed, so it is done by the path, which may be closed by now, or gone"
	ownPosition = "FUSE moves the position in a file by itself, also in that of a removed group"
)

var differences = []difference{
	{why: kindFirst, raw: "EACCES EPERM", mounted: "EISDIR ENOTDIR"},
	{why: kindFirst, ops: "link", raw: "EACCES", mounted: "EPERM"},
	{why: kindFirst, ops: "open openat reopen", flag: "O_TMPFILE", raw: "EACCES", mounted: "ENOTSUP"},
	{why: kindFirst, ops: "open openat reopen", flag: "O_NOATIME", raw: "EACCES", mounted: "EPERM"},
	{why: kindFirst, ops: "setxattr fsetxattr removexattr", raw: "ENOTSUP EACCES", mounted: "EPERM"},
	{why: kindFirst, ops: "getxattr", flag: "trusted.", raw: "EACCES", mounted: "ENODATA"},
	{why: kindFirst, ops: "setxattr", flag: "security.capability", raw: "EACCES", mounted: "EINVAL"},
	{why: kindFirst, ops: "pwrite", raw: "ESPIPE", mounted: "EBADF"},
	{why: kindFirst, ops: "sendfile", raw: "EOVERFLOW", mounted: "EINVAL"}, // a directory
	{why: walk, ops: "rename link mkdir chown lchown", raw: "EACCES", mounted: "ENOENT EBUSY EEXIST EINVAL"},
	{why: walk, flag: "/.", raw: "EACCES"},
	{why: walk + "; statfs(2) says the same of all", ops: "statfs", raw: "EACCES", mounted: "ok"},
	{why: byPath, ops: "fchmod fchown futimens fsetxattr fgetxattr", mounted: "EACCES ESTALE ENOENT"},
	{why: byPath, ops: "fstat fchdir", raw: "ok", mounted: "ESTALE ENOENT"}, // what is open with O_PATH
	{why: byPath, ops: "stat lstat statx", open: true, raw: "EACCES", mounted: "ok"},
	{why: byPath, ops: "reopen", mounted: "EACCES ESTALE ENOENT"},
	{why: ownPosition, ops: "lseek", raw: "ENODEV"},
	{why: ownPosition, ops: "relist seekdir", raw: "ENODEV", mounted: "ENOTDIR"},
	{
		why: "access(2) is answered with the effective capabilities, where it leaves those of a user out: FUSE does not tell it from faccessat(2) with AT_EACCESS",
		ops: "access faccessat", callers: "override", raw: "EACCES", mounted: "ok ENOENT",
	},
	{
		why: "a file that cannot be read at all cannot be watched, for another reason than its being none to watch",
		ops: "event", raw: "EINVAL", mounted: "EACCES",
	},
	{
		why: "fcntl(2) sets O_DIRECT, which no read or write then takes, and which open(2) refuses",
		ops: "setflags", flag: "O_DIRECT", raw: "EINVAL", mounted: "ok",
	},
}

// known says that the last step of a sequence may end in this way on the two
// sides.
func known(sequence []Step, got [2]string) bool {
	s := sequence[len(sequence)-1]
	opened := slices.ContainsFunc(sequence, func(before Step) bool {
		return before.Op == "open" && before.Args[1] == s.Args[0]
	})
	has := func(words, word string) bool {
		word, _, _ = strings.Cut(word, " ")
		return words == "" || slices.Contains(strings.Fields(words), strings.TrimSuffix(word, ","))
	}
	for _, d := range differences {
		if has(d.ops, s.Op) && has(d.callers, s.Caller) && (opened || !d.open) &&
			strings.Contains(strings.Join(s.Args, " "), d.flag) && has(d.raw, got[0]) && has(d.mounted, got[1]) {
			return true
		}
	}
	return false
}
