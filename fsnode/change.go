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

// asCaller runs change on the directory's group as the caller; an error is
// noted for name, explained.
func (d *dirNode) asCaller(ctx context.Context, name, did string, change func(*cgroupio.Caller, *cgroupio.Group) error) syscall.Errno {
	g, _, err := d.locate()
	if err != nil {
		return toErrno(err)
	}
	defer g.Close()
	c := d.t.caller(ctx)
	err = g.As(c, func(g *cgroupio.Group) error {
		err := change(c, g)
		if err != nil {
			err = g.ExplainChange(c, "", did, err)
		}
		return err
	})
	return d.t.refused(g, c, name, err)
}

var _ = (fs.NodeMkdirer)((*dirNode)(nil))

// Mkdir makes a group, which belongs to the caller with all its files.
func (d *dirNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	var child *fs.Inode
	errno := d.asCaller(ctx, name, "mkdir", func(_ *cgroupio.Caller, g *cgroupio.Group) (err error) {
		if err = g.Mkdir(name, mode); err == nil {
			child, err = d.find(ctx, g, name, out)
		}
		return err
	})
	return child, errno
}

var _ = (fs.NodeRmdirer)((*dirNode)(nil))

// Rmdir removes a group. Who keeps it busy can be read in why.
func (d *dirNode) Rmdir(ctx context.Context, name string) syscall.Errno {
	return d.asCaller(ctx, name, "rmdir", func(c *cgroupio.Caller, g *cgroupio.Group) error {
		err := g.Rmdir(name)
		if errors.Is(err, unix.EBUSY) {
			err = g.ExplainBusy(c, name, err)
		}
		return err
	})
}

var _ = (fs.NodeRenamer)((*dirNode)(nil))

// Rename gives a group another name within its parent (v1 only).
func (d *dirNode) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*dirNode)
	if !ok {
		return syscall.ENOTDIR
	}
	target, _, err := to.locate()
	if err != nil {
		return toErrno(err)
	}
	defer target.Close()
	return d.asCaller(ctx, name, "rename", func(_ *cgroupio.Caller, g *cgroupio.Group) error {
		err := g.Rename(name, target, newName, flags)
		if errors.Is(err, unix.ENOENT) && isVirtual(g, name) {
			err = unix.EPERM // as for a control file
		}
		return err
	})
}

// A cgroup directory holds groups and control files and nothing else. What
// follows is refused by the kernel, which is asked for the errno.

// ask has the kernel refuse what no cgroup directory takes.
func (d *dirNode) ask(ctx context.Context, name, did string, change func(*cgroupio.Group) error) syscall.Errno {
	return d.asCaller(ctx, name, did, func(_ *cgroupio.Caller, g *cgroupio.Group) error {
		return cgroupio.ExplainNever(did, change(g))
	})
}

var _ = (fs.NodeCreater)((*dirNode)(nil))

// Create is open(2) with O_CREAT of a name that was not there a moment ago.
func (d *dirNode) Create(ctx context.Context, name string, flags, mode uint32, _ *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	errno := d.ask(ctx, name, "create", func(g *cgroupio.Group) error {
		if err := g.Create(name, int(flags), mode); err != nil {
			return err
		}
		return unix.ESTALE // it is there by now: the kernel looks it up again
	})
	return nil, nil, 0, errno
}

var _ = (fs.NodeUnlinker)((*dirNode)(nil))

func (d *dirNode) Unlink(ctx context.Context, name string) syscall.Errno {
	return d.ask(ctx, name, "unlink", func(g *cgroupio.Group) error {
		err := g.Unlink(name)
		if errors.Is(err, unix.ENOENT) && isVirtual(g, name) {
			err = unix.EPERM // as for a control file
		}
		return err
	})
}

var _ = (fs.NodeSymlinker)((*dirNode)(nil))

func (d *dirNode) Symlink(ctx context.Context, target, name string, _ *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, d.ask(ctx, name, "symlink", func(g *cgroupio.Group) error {
		return g.Symlink(target, name)
	})
}

var _ = (fs.NodeMknoder)((*dirNode)(nil))

func (d *dirNode) Mknod(ctx context.Context, name string, mode, dev uint32, _ *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, d.ask(ctx, name, "mknod", func(g *cgroupio.Group) error {
		return g.Mknod(name, mode, dev)
	})
}

var _ = (fs.NodeLinker)((*dirNode)(nil))

// Link is asked for the file behind the virtual one, too.
func (d *dirNode) Link(ctx context.Context, target fs.InodeEmbedder, name string, _ *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	from, file, err := target.(place).locate()
	if err != nil {
		return nil, toErrno(err)
	}
	defer from.Close()
	return nil, d.ask(ctx, name, "link", func(g *cgroupio.Group) error {
		return g.Link(from, file, name)
	})
}
