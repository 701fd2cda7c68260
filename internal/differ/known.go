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
	raw, mounted string // errnos, likewise; or all of an outcome that is ok
}

var differences = []difference{
	{
		why: "of two reasons to refuse, FUSE finds that of the file's kind before it asks memcgfs, and the kernel's tree that of the rights first",
		ops: "rename rmdir unlink open openat", raw: "EACCES EPERM", mounted: "EISDIR ENOTDIR",
	},
	{
		why: "so does it find that directories have no hard links, that there are no files without a name, and that access control lists are the owner's",
		ops: "link", raw: "EACCES", mounted: "EPERM",
	},
	{ops: "open openat", raw: "EACCES", mounted: "ENOTSUP"},
	{ops: "setxattr fsetxattr removexattr", raw: "ENOTSUP", mounted: "EPERM"},
	{
		why: "sendfile(2) from a file that is open for writing as well finds nothing, as the file's size is 0",
		ops: "sendfile", mounted: "ok nothing",
	},
	{
		why: "a file that is not open for writing is not so for pwrite(2) either, where the kernel's files say first that they cannot seek",
		ops: "pwrite", raw: "ESPIPE", mounted: "EBADF",
	},
	{
		why: "access(2) is answered with the effective capabilities, where it leaves those of a user out: FUSE does not tell it from faccessat(2) with AT_EACCESS",
		ops: "access faccessat", callers: "override", raw: "EACCES", mounted: "ok",
	},
}

// known says that the last step of a sequence may end in this way on the two
// sides.
func known(sequence []Step, got [2]string) bool {
	s := sequence[len(sequence)-1]
	has := func(words, word string) bool {
		return words == "" || words == word || slices.Contains(strings.Fields(words), word)
	}
	for _, d := range differences {
		if has(d.ops, s.Op) && has(d.callers, s.Caller) && has(d.raw, got[0]) && has(d.mounted, got[1]) {
			return true
		}
	}
	return false
}
