package fsnode

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// virtualNode is a virtual file in one group.
type virtualNode struct {
	fileNode
	file *virtualFile

	// Of a live file that is open. tail -f begins anew when the size is less
	// than what it has read, and reads no further than the size.
	mu   sync.Mutex
	held int       // handles
	read uint64    // how far the one that has come furthest has read
	made time.Time // when the last line was, for any of them
}

var _ place = (*virtualNode)(nil)

func (n *virtualNode) locate() (*cgroupio.Group, string, error) {
	g, err := n.parentGroup()
	if err != nil {
		return nil, "", err
	}
	name, _, err := n.file.anchor(g)
	if err != nil || n.file.shadowed(g) {
		defer g.Close()
		return nil, "", stale(g)
	}
	return g, name, nil
}

var _ = (fs.NodeGetattrer)((*virtualNode)(nil))

func (n *virtualNode) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	g, name, err := n.locate()
	if err != nil {
		// The group is gone; the open file still answers.
		if h, ok := f.(*virtualHandle); ok {
			n.file.fillAttr(&out.Attr, h.group, &h.opened)
			return 0
		}
		return toErrno(err)
	}
	defer g.Close()
	st, err := g.Lookup(name)
	if err != nil || n.outdated(ctx, g, f) {
		return toErrno(stale(g))
	}
	n.file.fillAttr(&out.Attr, g, &st)
	n.fillSize(g, n.t.caller(ctx), &out.Attr)
	return 0
}

// fillSize reports the size that the text has now, as tar and rsync want it.
// sendfile and splice, which go through the page cache from Linux 6.5 on, end
// there: at a smaller size they cut the text. A larger one the kernel corrects
// when it has read the text, unless the size was asked for meanwhile; then they
// give NUL bytes after it.
func (n *virtualNode) fillSize(g *cgroupio.Group, c *cgroupio.Caller, out *fuse.Attr) {
	var text string
	read := func(g *cgroupio.Group) (err error) {
		text, err = n.file.read(request{t: n.t, group: g, caller: c})
		return err
	}
	var err error
	if out.Mode&0o004 != 0 {
		err = read(g) // whoever asks
	} else {
		err = g.As(c, read)
	}
	if err != nil {
		return // who cannot read it has no use for the size
	}
	out.Size = uint64(len(text))
	if !n.file.live {
		return
	}
	now := time.Now()
	out.SetTimes(nil, &now, nil)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held > 0 {
		line := out.Size
		out.Size = max(n.read, line)
		if n.read > 0 && time.Since(n.made) >= time.Second {
			out.Size += line
		}
	}
}

// opened counts the handles of a live file.
func (n *virtualNode) opened(by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held += by; n.held == 0 {
		n.read = 0
	}
}

// furthest is how far the reader of a live file who has come furthest is.
func (n *virtualNode) furthest() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return int64(n.read)
}

// gave notes that somebody has read up to the offset end, where the last line
// was made at that time.
func (n *virtualNode) gave(end int64, made time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.read = max(n.read, uint64(end))
	if made.After(n.made) {
		n.made = made
	}
}

var _ = (fs.NodeOpener)((*virtualNode)(nil))

// Open asks the kernel whether the caller may open the control file behind it.
func (n *virtualNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	g, name, err := n.locate()
	if err != nil {
		return nil, 0, toErrno(err)
	}
	c := n.t.caller(ctx)
	if err := n.t.handles.take(c.Uid); err != nil {
		defer g.Close()
		return nil, 0, n.t.refused(g, c, n.name, err)
	}
	h := &virtualHandle{n: n, request: request{t: n.t, group: g, caller: c}}
	err = g.As(c, func(g *cgroupio.Group) (err error) {
		h.opened, err = n.open(g, c, name, flags&unix.O_ACCMODE)
		return err
	})
	if err != nil {
		n.t.handles.giveBack(c.Uid)
		g.Close()
		return nil, 0, toErrno(err)
	}
	n.opened(1)
	return h, fuse.FOPEN_NOFLUSH | fuse.FOPEN_DIRECT_IO, 0
}

// open gives the attributes of the control file, if the caller may open it.
func (n *virtualNode) open(g *cgroupio.Group, c *cgroupio.Caller, anchor string, mode uint32) (unix.Stat_t, error) {
	if n.file.write == nil && mode != unix.O_RDONLY {
		err := &cgroupio.Refusal{
			Errno: unix.EACCES, Reason: "this file is only read", Try: "write one of " + strings.Join(writable(), ", "),
		}
		n.t.refused(g, c, n.name, err)
		return unix.Stat_t{}, err
	}
	st, err := g.Lookup(anchor)
	if err != nil {
		return st, err
	}
	f, err := g.Open(anchor, st.Ino, int(mode))
	if err != nil {
		if mode != unix.O_RDONLY {
			err = n.t.explainOpen(g, c, anchor, err)
		}
		return st, err
	}
	return st, f.Close()
}
