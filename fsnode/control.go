package fsnode

import (
	"context"
	"errors"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// controlNode is a file of the kernel's.
type controlNode struct{ fileNode }

var _ place = (*controlNode)(nil)

func (n *controlNode) locate() (*cgroupio.Group, string, error) {
	g, err := n.parentGroup()
	return g, n.name, err
}

var _ = (fs.NodeGetattrer)((*controlNode)(nil))

func (n *controlNode) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	err := n.stat(ctx, f, &out.Attr)
	if h, ok := f.(*controlHandle); ok && err != nil {
		// The group is gone; the open file still answers.
		var st unix.Stat_t
		if st, err = h.file.Stat(); err == nil {
			fillAttr(&out.Attr, &st)
		}
	}
	return toErrno(err)
}

func (n *controlNode) stat(ctx context.Context, f fs.FileHandle, out *fuse.Attr) error {
	g, name, err := n.locate()
	if err != nil {
		return err
	}
	defer g.Close()
	st, err := g.Lookup(name)
	if err != nil || st.Ino != n.StableAttr().Ino || n.outdated(ctx, g, f) {
		return stale(g)
	}
	n.t.fillControl(out, g, name, &st)
	return nil
}

var _ = (fs.NodeOpener)((*controlNode)(nil))

// Open opens the control file as the caller. Every handle names the file as
// the one that backs it, as all open handles of an inode must agree on that; a
// handle that can write has direct I/O besides, so that what is written comes
// here and is checked.
func (n *controlNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	g, name, err := n.locate()
	if err != nil {
		return nil, 0, toErrno(err)
	}
	defer g.Close()
	c := n.t.caller(ctx)
	if err := n.t.handles.take(c.Uid); err != nil {
		return nil, 0, n.t.refused(g, c, name, err)
	}
	h := &controlHandle{n: n, uid: c.Uid}
	writes := flags&unix.O_ACCMODE != unix.O_RDONLY
	err = g.As(c, func(g *cgroupio.Group) (err error) {
		h.file, err = g.Open(name, n.StableAttr().Ino, int(flags))
		if err != nil && writes {
			return n.t.explainOpen(g, c, name, err)
		}
		return err
	})
	if err != nil {
		n.t.handles.giveBack(c.Uid)
		return nil, 0, toErrno(err)
	}
	if writes {
		return h, fuse.FOPEN_NOFLUSH | fuse.FOPEN_DIRECT_IO, 0
	}
	return h, fuse.FOPEN_NOFLUSH, 0
}

// explainOpen notes that a file could not be opened for writing.
func (t *tree) explainOpen(g *cgroupio.Group, c *cgroupio.Caller, name string, err error) error {
	if toErrno(err) == unix.ESTALE || toErrno(err) == unix.ENOENT {
		return stale(g)
	}
	err = g.ExplainChange(c, name, "open for writing", err)
	t.refused(g, c, name, err)
	return err
}

// controlHandle is an open control file.
type controlHandle struct {
	n    *controlNode
	uid  uint32
	file *cgroupio.ControlFile
}

func (h *controlHandle) openedBy() uint32 { return h.uid }

var _ = (fs.FilePassthroughFder)((*controlHandle)(nil))

// PassthroughFd lets the kernel read the file without asking.
func (h *controlHandle) PassthroughFd() (int, bool) { return h.file.Fd(), h.n.t.passthrough }

var _ = (fs.FileReader)((*controlHandle)(nil))

// Read serves handles that can write, and kernels without passthrough.
func (h *controlHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n, err := h.file.ReadAt(ctx, func() *cgroupio.Caller { return h.n.t.caller(ctx) }, dest, off)
	if err != nil {
		return nil, toErrno(err)
	}
	return fuse.ReadResultData(dest[:n]), 0
}

var _ = (fs.FileWriter)((*controlHandle)(nil))

func (h *controlHandle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	c := h.n.t.caller(ctx)
	if err := h.n.t.writes.take(c.Uid); err != nil {
		return 0, h.explain(c, data, err)
	}
	defer h.n.t.writes.giveBack(c.Uid)
	defer h.n.writing()()
	n, err := h.file.WriteAt(ctx, c, h.group, data, off)
	if err != nil {
		return 0, h.explain(c, data, err)
	}
	return uint32(n), 0
}

// group opens the group that the file is in.
func (h *controlHandle) group() (*cgroupio.Group, error) {
	g, _, err := h.n.locate()
	return g, err
}

// explain notes why a write failed, where the group is still there to note it
// in.
func (h *controlHandle) explain(c *cgroupio.Caller, data []byte, err error) syscall.Errno {
	g, name, gerr := h.n.locate()
	if errors.Is(gerr, unix.ENOENT) && !errors.Is(err, unix.E2BIG) {
		return syscall.ENODEV // the group is gone, whatever was written
	}
	if gerr != nil {
		return toErrno(err)
	}
	defer g.Close()
	_ = g.As(c, func(g *cgroupio.Group) error {
		err = g.ExplainWrite(c, name, data, err)
		return nil
	})
	return h.n.t.refused(g, c, name, err)
}

// Truncate is ftruncate(2).
func (h *controlHandle) Truncate(size int64) error { return h.file.Truncate(size) }

var _ = (fs.FileLseeker)((*controlHandle)(nil))

// Lseek looks for data or a hole; FUSE does the rest of lseek(2) by itself.
func (h *controlHandle) Lseek(_ context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	at, err := h.file.Seek(int64(off), int(whence))
	return uint64(at), toErrno(err)
}

var _ = (fs.FileFsyncer)((*controlHandle)(nil))

// Fsync has nothing to do, as on the kernel's tree; editors want it.
func (h *controlHandle) Fsync(context.Context, uint32) syscall.Errno { return 0 }

var _ = (fs.FileReleaser)((*controlHandle)(nil))

func (h *controlHandle) Release(context.Context) syscall.Errno {
	h.n.t.handles.giveBack(h.uid)
	return toErrno(h.file.Close())
}
