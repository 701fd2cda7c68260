package differ

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Extended attributes, of what a path names and of open files.
var xattrOperations = []operation{
	{"setxattr", "path xattr value setxattr", 3, func(c *call) string {
		return result(unix.Setxattr(c.path(0), c.args[1], []byte(c.args[2]), c.int(3)))
	}},
	{"getxattr", "path xattr count", 2, func(c *call) string {
		b := make([]byte, c.int(2))
		n, err := unix.Getxattr(c.path(0), c.args[1], b)
		return result(err, n, " ", quote(string(b[:min(max(n, 0), len(b))])))
	}},
	{"listxattr", "path", 2, func(c *call) string {
		b := make([]byte, 1<<12)
		n, err := unix.Listxattr(c.path(0), b)
		return result(err, sorted(strings.Split(string(b[:max(n, 0)]), "\x00")))
	}},
	{"removexattr", "path xattr", 2, func(c *call) string {
		return result(unix.Removexattr(c.path(0), c.args[1]))
	}},
	onSlot("fsetxattr", "xattr value setxattr", 1, func(c *call, open slot) string {
		return result(unix.Fsetxattr(open.fd, c.args[1], []byte(c.args[2]), c.int(3)))
	}),
	onSlot("fgetxattr", "xattr count", 1, func(c *call, open slot) string {
		b := make([]byte, c.int(2))
		n, err := unix.Fgetxattr(open.fd, c.args[1], b)
		return result(err, n, " ", quote(string(b[:min(max(n, 0), len(b))])))
	}),
}
