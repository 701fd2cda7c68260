package fsnode

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// The methods here are the same for every kind of node: they act as the caller
// on the node's place in the kernel's tree. A virtual file has its owner, mode
// and times from a control file, and a change goes there.

// action is something done on a control file, or with the name "" on a group.
type action func(c *cgroupio.Caller, g *cgroupio.Group, name string) error

// condition is something that is true of such a file.
type condition func(c *cgroupio.Caller, g *cgroupio.Group, name string) bool

func (n *node) asCaller(ctx context.Context, do action) error {
	return n.asNeeded(ctx, nil, do)
}

// asNeeded does not ask for the caller's credentials where anyone, if not nil,
// says that the kernel would allow it all the same: reading them costs as much
// as a round trip to the kernel.
func (n *node) asNeeded(ctx context.Context, anyone condition, do action) error {
	g, name, err := n.Operations().(place).locate()
	if err != nil {
		return err
	}
	defer g.Close()
	c := n.t.caller(ctx)
	if anyone != nil && anyone(c, g, name) {
		return do(c, g, name)
	}
	return g.As(c, func(g *cgroupio.Group) error { return do(c, g, name) })
}

var _ = (fs.NodeSetattrer)((*node)(nil))

func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	const size, owner = fuse.FATTR_SIZE, fuse.FATTR_UID | fuse.FATTR_GID
	setID := in.Valid&fuse.FATTR_MODE != 0 && in.Valid&(size|owner) != 0
	if setID {
		// A mode that comes along is without the set-ID bits. It is not the
		// caller's wish: of him who asks, the kernel takes them off by itself.
		in.Valid &^= fuse.FATTR_MODE
	}
	var anyone condition
	if in.Valid&size != 0 && in.Valid&^(size|fuse.FATTR_FH|fuse.FATTR_LOCKOWNER) == 0 {
		// ftruncate(2): the open file decides, whoever asks now. O_TRUNC comes
		// without the handle, as truncate(2) does.
		if h, ok := f.(interface{ Truncate(size int64) error }); ok {
			as := func(truncate func() error) error { return truncate() }
			if setID {
				as = n.t.caller(ctx).As
			}
			if err := as(func() error { return h.Truncate(int64(in.Size)) }); err != nil {
				return toErrno(err)
			}
			return n.Operations().(fs.NodeGetattrer).Getattr(ctx, f, out)
		}
		anyone = func(c *cgroupio.Caller, g *cgroupio.Group, name string) bool {
			return !setID && g.OwnerMayWrite(c, name)
		}
	}
	err := n.asNeeded(ctx, anyone, func(c *cgroupio.Caller, g *cgroupio.Group, name string) error {
		err := setattr(g, name, in)
		if err != nil {
			err = g.ExplainChange(c, name, "change of attributes", err)
			n.t.refused(g, c, name, err)
		}
		return err
	})
	if err != nil {
		return toErrno(err)
	}
	return n.Operations().(fs.NodeGetattrer).Getattr(ctx, f, out)
}

func setattr(g *cgroupio.Group, name string, in *fuse.SetAttrIn) error {
	if mode, ok := in.GetMode(); ok {
		if err := g.Chmod(name, mode); err != nil {
			return err
		}
	}
	uid, hasUID := in.GetUID()
	gid, hasGID := in.GetGID()
	const others = fuse.FATTR_MODE | fuse.FATTR_SIZE | fuse.FATTR_ATIME | fuse.FATTR_MTIME
	if hasUID || hasGID || in.Valid&others == 0 { // chown(2) to -1, -1 asks for the rights
		owner := [2]int{-1, -1}
		if hasUID {
			owner[0] = int(uid)
		}
		if hasGID {
			owner[1] = int(gid)
		}
		if err := g.Chown(name, owner[0], owner[1]); err != nil {
			return err
		}
	}
	if size, ok := in.GetSize(); ok {
		if err := g.Truncate(name, int64(size)); err != nil {
			return err
		}
	}
	if in.Valid&(fuse.FATTR_ATIME|fuse.FATTR_MTIME) != 0 {
		return g.Utimes(name, [2]unix.Timespec{
			timeToSet(in.Valid, fuse.FATTR_ATIME, fuse.FATTR_ATIME_NOW, in.Atime, in.Atimensec),
			timeToSet(in.Valid, fuse.FATTR_MTIME, fuse.FATTR_MTIME_NOW, in.Mtime, in.Mtimensec),
		})
	}
	return nil
}

func timeToSet(valid, set, now uint32, sec uint64, nsec uint32) unix.Timespec {
	switch {
	case valid&now != 0:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	case valid&set != 0:
		return unix.Timespec{Sec: int64(sec), Nsec: int64(nsec)}
	}
	return unix.Timespec{Nsec: unix.UTIME_OMIT}
}

var _ = (fs.NodeStatfser)((*node)(nil))

// Statfs answers as cgroupfs does: no blocks, so that df leaves the mount out
// unless it is asked for.
func (*node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	*out = fuse.StatfsOut{Bsize: page, Frsize: page, NameLen: unix.NAME_MAX}
	return 0
}

var _ = (fs.NodeAccesser)((*node)(nil))

// Access answers access(2) and chdir(2).
func (n *node) Access(ctx context.Context, mask uint32) syscall.Errno {
	return toErrno(n.asCaller(ctx, func(c *cgroupio.Caller, g *cgroupio.Group, name string) error {
		return g.Access(c, name, mask)
	}))
}

var _ = (fs.NodeGetxattrer)((*node)(nil))

func (n *node) Getxattr(ctx context.Context, attr string, dest []byte) (size uint32, _ syscall.Errno) {
	// The kernel itself asks for this one before each truncation, and whoever
	// finds the file may read it.
	anyone := func(_ *cgroupio.Caller, g *cgroupio.Group, _ string) bool {
		return attr == "security.capability" && g.SearchableByAll()
	}
	err := n.asNeeded(ctx, anyone, func(_ *cgroupio.Caller, g *cgroupio.Group, name string) error {
		sz, err := g.Getxattr(name, attr, dest)
		size = uint32(max(sz, 0))
		return err
	})
	return size, toErrno(err)
}

var _ = (fs.NodeSetxattrer)((*node)(nil))

func (n *node) Setxattr(ctx context.Context, attr string, data []byte, flags uint32) syscall.Errno {
	return toErrno(n.asCaller(ctx, func(_ *cgroupio.Caller, g *cgroupio.Group, name string) error {
		return g.Setxattr(name, attr, data, int(flags))
	}))
}

var _ = (fs.NodeListxattrer)((*node)(nil))

func (n *node) Listxattr(ctx context.Context, dest []byte) (size uint32, _ syscall.Errno) {
	err := n.asCaller(ctx, func(_ *cgroupio.Caller, g *cgroupio.Group, name string) error {
		sz, err := g.Listxattr(name, dest)
		size = uint32(max(sz, 0))
		return err
	})
	return size, toErrno(err)
}

var _ = (fs.NodeRemovexattrer)((*node)(nil))

func (n *node) Removexattr(ctx context.Context, attr string) syscall.Errno {
	return toErrno(n.asCaller(ctx, func(_ *cgroupio.Caller, g *cgroupio.Group, name string) error {
		return g.Removexattr(name, attr)
	}))
}
