package differ

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// operation is something that a caller can do: run makes it and tells what
// came of it, in words that are the same on both sides.
type operation struct {
	name   string
	args   string // their kinds, which random arguments are made by: see random
	weight int
	run    func(*call) string
}

// operations is the one table of them.
var operations []operation

func init() {
	operations = slices.Concat(groupOperations, attrOperations, fileOperations, slotOperations, xattrOperations)
}

func operationByName(name string) *operation {
	for i := range operations {
		if operations[i].name == name {
			return &operations[i]
		}
	}
	return nil
}

// flagNames are the words for flags of open(2), renameat2(2) and statx(2).
var flagNames = map[string]int{
	"O_RDONLY": unix.O_RDONLY, "O_WRONLY": unix.O_WRONLY, "O_RDWR": unix.O_RDWR, "O_TRUNC": unix.O_TRUNC,
	"O_APPEND": unix.O_APPEND, "O_CREAT": unix.O_CREAT, "O_EXCL": unix.O_EXCL, "O_DIRECTORY": unix.O_DIRECTORY,
	"O_PATH": unix.O_PATH, "O_NOFOLLOW": unix.O_NOFOLLOW, "O_DIRECT": unix.O_DIRECT, "O_NONBLOCK": unix.O_NONBLOCK,
	"O_NOATIME": unix.O_NOATIME, "O_SYNC": unix.O_SYNC, "O_TMPFILE": unix.O_TMPFILE, "O_NOCTTY": unix.O_NOCTTY,
	"O_ACCMODE": unix.O_ACCMODE,
	"NOREPLACE": unix.RENAME_NOREPLACE, "EXCHANGE": unix.RENAME_EXCHANGE, "WHITEOUT": unix.RENAME_WHITEOUT,
	"EACCESS": unix.AT_EACCESS, "NOFOLLOW": unix.AT_SYMLINK_NOFOLLOW, "EMPTY": unix.AT_EMPTY_PATH,
	"FORCE_SYNC": unix.AT_STATX_FORCE_SYNC, "0": 0,
}

// flags reads the n-th argument, such as O_RDWR|O_TRUNC.
func (c *call) flags(n int) (flags int) {
	for word := range strings.SplitSeq(c.args[n], "|") {
		flag, ok := flagNames[word]
		if !ok {
			panic("no flag " + word)
		}
		flags |= flag
	}
	return flags
}

func sorted(words []string) []string {
	slices.Sort(words)
	return words
}
