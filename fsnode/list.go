package fsnode

import (
	"context"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

var _ = (fs.NodeOpendirHandler)((*dirNode)(nil))

// OpendirHandle opens the kernel's directory as the caller, and keeps it: what
// is listed afterwards is what is there at that moment, and nothing once the
// group is removed.
func (d *dirNode) OpendirHandle(ctx context.Context, _ uint32) (fs.FileHandle, uint32, syscall.Errno) {
	g, _, err := d.locate()
	if err != nil {
		return nil, 0, toErrno(err)
	}
	c := d.t.caller(ctx)
	if err := d.t.handles.take(c.Uid); err != nil {
		defer g.Close()
		return nil, 0, d.t.refused(g, c, "opendir", err)
	}
	fd := -1
	err = g.As(c, func(g *cgroupio.Group) (err error) {
		fd, err = g.OpenDir()
		return err
	})
	if err != nil {
		d.t.handles.giveBack(c.Uid)
		g.Close()
		return nil, 0, toErrno(err)
	}
	stream, _ := fs.NewLoopbackDirStreamFd(fd)
	return &dirHandle{t: d.t, uid: c.Uid, group: g, fd: fd, kernel: stream}, 0, 0
}

// dirHandle lists the kernel's entries, then the virtual files.
type dirHandle struct {
	t     *tree
	uid   uint32
	group *cgroupio.Group
	fd    int // owned by kernel

	mu      sync.Mutex
	kernel  fs.DirStream
	virtual int // how many virtual files have been considered
}

// virtualOffset is where the offsets of the virtual entries begin; those of
// kernfs are 32-bit hashes.
const virtualOffset = 1 << 40

var _ = (fs.FileReaddirenter)((*dirHandle)(nil))

func (h *dirHandle) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.virtual == 0 && h.kernel.HasNext() {
		e, errno := h.kernel.Next()
		return &e, errno
	}
	for h.virtual < len(virtualFiles) {
		// Backwards: libcgroup's cgget -g fails when the name that is listed
		// last has no dot, and the table begins with one that has.
		h.virtual++
		v := &virtualFiles[len(virtualFiles)-h.virtual]
		if v.shadowed(h.group) {
			continue
		}
		if _, _, err := v.anchor(h.group); err == nil {
			return &fuse.DirEntry{
				Name: v.name, Mode: unix.S_IFREG, Ino: v.ino(h.group),
				Off: virtualOffset + uint64(h.virtual),
			}, 0
		}
	}
	return nil, 0
}

var _ = (fs.FileSeekdirer)((*dirHandle)(nil))

func (h *dirHandle) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	h.mu.Lock()
	defer h.mu.Unlock()
	if off > virtualOffset {
		h.virtual = int(min(off-virtualOffset, uint64(len(virtualFiles))))
		return 0
	}
	h.virtual = 0
	return h.kernel.(fs.FileSeekdirer).Seekdir(ctx, off)
}

var _ = (fs.FileFsyncdirer)((*dirHandle)(nil))

// Fsyncdir is not known for a directory of the kernel's tree.
func (h *dirHandle) Fsyncdir(context.Context, uint32) syscall.Errno { return syscall.EINVAL }

var _ = (fs.FileGetattrer)((*dirHandle)(nil))

func (h *dirHandle) Getattr(_ context.Context, out *fuse.AttrOut) syscall.Errno {
	var st unix.Stat_t
	err := unix.Fstat(h.fd, &st)
	fillAttr(&out.Attr, &st)
	return toErrno(err)
}

var _ = (fs.FileReleasedirer)((*dirHandle)(nil))

func (h *dirHandle) Releasedir(context.Context, uint32) {
	h.kernel.Close()
	h.group.Close()
	h.t.handles.giveBack(h.uid)
}
