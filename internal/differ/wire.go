package differ

import (
	"encoding/json"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// conn is one end of a pair of sockets between the tester and a worker: a
// message is one packet, and takes open files along.
type conn struct {
	fd     int
	buffer []byte // of what is received
}

// request is what a worker is told.
type request struct {
	// Numbers are the numbers, in the worker's pid namespace, of the tasks
	// that it may write, for each side.
	Numbers map[string][2]int `json:",omitempty"`
	// Dirs are the groups that the paths of the next sequence begin in; with
	// them everything is put back.
	Dirs    []string `json:",omitempty"`
	NoSizes bool     `json:",omitempty"` // see Pair
	// Step is made on the side Side.
	Step string `json:",omitempty"`
	Side int
	Text verdict
	// Take says that the open file that comes along goes into the slot.
	Take string `json:",omitempty"`
	Path []byte `json:",omitempty"` // that it was opened by
}

// reply is what a worker says: of itself at first, and then what each request
// came to.
type reply struct {
	Pid, Thread int    `json:",omitempty"`
	Children    [2]int // one for each side
	Outcome     string
	Path        []byte `json:",omitempty"` // of the open file that comes along
}

const maxMessage = 160 << 10

func (c *conn) send(message any, files ...int) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	return unix.Sendmsg(c.fd, text, rights, nil, unix.MSG_NOSIGNAL)
}

// receive also gives the open file that came along, -1 for none, and the
// sender's number if the socket passes credentials.
func (c *conn) receive(message any) (file, pid int, err error) {
	file = -1
	if c.buffer == nil {
		c.buffer = make([]byte, maxMessage)
	}
	text, rights := c.buffer, make([]byte, 256)
	var n, m int
	for {
		n, m, _, _, err = unix.Recvmsg(c.fd, text, rights, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return file, 0, fmt.Errorf("receive: %w", err)
	}
	if n == 0 {
		return file, 0, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return file, 0, err
	}
	for i := range messages {
		if files, err := unix.ParseUnixRights(&messages[i]); err == nil && len(files) == 1 {
			file = files[0]
		}
		if cred, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			pid = int(cred.Pid)
		}
	}
	return file, pid, json.Unmarshal(text[:n], message)
}
