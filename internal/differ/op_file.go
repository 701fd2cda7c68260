package differ

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// What is done with control files by their paths.
var fileOperations = []operation{
	{"cat", "path", 6, func(c *call) string {
		fd, err := unix.Open(c.path(0), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return result(err)
		}
		f := os.NewFile(uintptr(fd), "")
		defer f.Close()
		text, err := io.ReadAll(f)
		return result(err, c.read(c.args[0], text))
	}},
	{"put", "path text", 10, func(c *call) string { return c.put() }},
	// threadput is put by another thread.
	{"threadput", "path text", 3, func(c *call) string {
		outcome := make(chan string)
		c.w.thread <- func() { outcome <- c.put() }
		return <-outcome
	}},
	{"open", "slot path open mode", 14, func(c *call) string {
		fd, err := unix.Open(c.path(1), c.flags(2)|unix.O_CLOEXEC, uint32(c.int(3)))
		if err == nil {
			c.s.put(c.args[0], slot{fd, c.args[1]})
		}
		return result(err)
	}},
}

func (c *call) put() string {
	fd, err := unix.Open(c.path(0), unix.O_WRONLY|unix.O_TRUNC|unix.O_CLOEXEC, 0)
	if err != nil {
		return result(err)
	}
	defer unix.Close(fd)
	return c.write(slot{fd, c.args[0]}, 1, unix.Write)
}

// read is what was read, as far as it is the same on both sides.
func (c *call) read(path string, text []byte) string {
	base := filepath.Base(path)
	switch {
	case listsTasks(path):
		return c.identities(text)
	case strings.Contains(base, "usage") || strings.Contains(base, "stat") || strings.Contains(base, "failcnt") ||
		strings.Contains(base, "slabinfo") || strings.Contains(base, "shown_ram"):
		// Two groups do not use the same.
		if len(text) > 0 {
			return "text"
		}
		return "nothing"
	}
	return quote(string(text))
}

// write writes the n-th argument to an open file by call.
func (c *call) write(open slot, n int, call func(int, []byte) (int, error)) string {
	b, refused, ok := c.bytes(c.args[n], open.path)
	if !ok {
		return ""
	}
	got, err := call(open.fd, b)
	switch _, _, isPid := cutPid(c.args[n]); {
	case refused && err == nil:
		return result(unix.EINVAL)
	case isPid && got == len(b):
		return result(err) // the length differs
	}
	return result(err, got-len(b))
}
