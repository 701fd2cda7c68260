package differ

import "strings"

// What random arguments are picked from.

var hardNames = []string{
	strings.Repeat("n", 255), strings.Repeat("n", 256), "\xff\xfe", "line\nbreak", ".dot", "a b", "a//x", "a/x/", "a/.", "a/../b", "..x",
	"tasks", "memory.why", "…", "memory.limit_in_bytes", "a/tasks", `"*`, strings.Repeat("a/", 40), "cgroup.x", "-", "%s",
}

var words = map[string][]string{
	"slot":   {"0", "1", "2"},
	"mode":   {"0755", "0444", "0700", "0644", "0600", "0000", "0555", "0711", "0666", "0777", "0111", "02755", "01777", "04755", "0770", "0070", "0007"},
	"id":     {"0", "-1", "12301", "12302", "100000", "101000", "1000", "12399"},
	"mask":   {"0", "1", "2", "3", "4", "5", "6", "7", "8"},
	"at":     {"0", "EACCESS", "NOFOLLOW", "EACCESS|NOFOLLOW"},
	"rename": {"0", "0", "0", "NOREPLACE", "EXCHANGE", "WHITEOUT", "NOREPLACE|EXCHANGE"},
	"statx":  {"0", "NOFOLLOW", "FORCE_SYNC"},
	"open": {
		"O_RDONLY", "O_RDONLY", "O_WRONLY", "O_WRONLY", "O_RDWR", "O_RDWR", "O_WRONLY|O_TRUNC", "O_WRONLY|O_APPEND",
		"O_RDWR|O_CREAT", "O_RDONLY|O_DIRECTORY", "O_RDONLY|O_DIRECTORY", "O_WRONLY|O_CREAT|O_EXCL", "O_PATH",
		"O_PATH|O_DIRECTORY", "O_RDONLY|O_NOFOLLOW", "O_RDWR|O_NOFOLLOW", "O_RDONLY|O_DIRECT", "O_RDWR|O_DIRECT",
		"O_RDONLY|O_NONBLOCK", "O_WRONLY|O_NONBLOCK", "O_RDONLY|O_TRUNC", "O_RDONLY|O_NOATIME", "O_RDWR|O_SYNC",
		"O_RDWR|O_TMPFILE", "O_ACCMODE", "O_RDONLY|O_CREAT", "O_CREAT|O_DIRECTORY", "O_WRONLY|O_DIRECTORY",
	},
	"setfl":    {"0", "O_APPEND", "O_NONBLOCK", "O_NOATIME", "O_DIRECT", "O_APPEND|O_NONBLOCK"},
	"size":     {"0", "1", "3", "10", "4096", "-1"},
	"count":    {"0", "1", "5", "64", "4096", "65536"},
	"offset":   {"0", "1", "5", "4096", "-1", "1000000"},
	"whence":   {"0", "1", "2", "3", "4", "5"},
	"buffer":   {"300", "512", "1024", "32768"},
	"xattr":    {"user.x", "trusted.x", "security.x", "system.posix_acl_access", "bad", "trusted.", "security.capability", "user." + strings.Repeat("x", 251)},
	"value":    {"", "v", "value", strings.Repeat("v", 5000)},
	"setxattr": {"0", "0", "1", "2", "3"},
	"event":    {"", "16M", "low", "1", "bogus", "critical,local"},
}

// texts are written to control files, whatever these take.
var texts = []string{
	"20M", "-1", "0x1000000", "33554432", "bogus", "20MB", "-5", "16384k\n", "50000000", "64M ", "  64M", "\t64m\n", "020000000000",
	"M", "16E", "20M 30M", "20\x00M", "64M\x00", "100", "0", "1", "2", "60", "101", "200", "-1\n", "+64M", "1.5G", "max", "64MiB", "0x4000000", "0X4000000",
	"18446744073709551615", "18446744073709551616", "9223372036854771712", "99999999999999999999999", "7E", "8E", "0x", "08", "4194305", "abc", "\n", "1\n1\n",
}

var subjects = []string{"0", "self", "child", "child", "child", "thread", "gone"}
