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

// dirNode is a group.
type dirNode struct {
	node
	slow generations
}

var _ place = (*dirNode)(nil)

func (d *dirNode) locate() (*cgroupio.Group, string, error) {
	g, err := d.t.group(d.EmbeddedInode())
	return g, "", err
}

var _ = (fs.NodeLookuper)((*dirNode)(nil))

// Lookup asks the kernel each time, as the caller: an entry is never kept for
// a directory, since the right to search it and the groups that it has can
// change at any moment.
func (d *dirNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	g, _, err := d.locate()
	if err != nil {
		return nil, toErrno(err)
	}
	defer g.Close()
	var child *fs.Inode
	find := func(g *cgroupio.Group) (err error) {
		child, err = d.find(ctx, g, name, out)
		return err
	}
	c := d.t.caller(ctx)
	if g.SearchableByAll() {
		err = find(g)
	} else {
		err = g.As(c, find)
	}
	if err != nil {
		return nil, toErrno(err)
	}
	if v, ok := child.Operations().(*virtualNode); ok {
		v.fillSize(g, c, &out.Attr)
	}
	return child, 0
}

// find looks name up in the kernel's tree first, then among the virtual files.
func (d *dirNode) find(ctx context.Context, g *cgroupio.Group, name string, out *fuse.EntryOut) (*fs.Inode, error) {
	st, err := g.Lookup(name)
	if errors.Is(err, unix.ENOENT) {
		for i := range virtualFiles {
			if v := &virtualFiles[i]; v.name == name {
				return d.findVirtual(ctx, g, v, out)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	id := fs.StableAttr{Mode: st.Mode & unix.S_IFMT, Ino: st.Ino}
	if id.Mode == unix.S_IFDIR {
		fillAttr(&out.Attr, &st)
		return d.NewInode(ctx, &dirNode{node: node{t: d.t}}, id), nil
	}
	d.t.fillControl(&out.Attr, g, name, &st)
	id.Gen = d.slow.get(name)
	child := d.NewInode(ctx, &controlNode{d.newFile(name)}, id)
	if d.t.passthrough {
		// Else its size, which grows, must be right when it is opened.
		child.Operations().(*controlNode).keep(g, out)
	}
	return child, nil
}

func (d *dirNode) findVirtual(ctx context.Context, g *cgroupio.Group, v *virtualFile, out *fuse.EntryOut) (*fs.Inode, error) {
	_, st, err := v.anchor(g)
	if err != nil {
		return nil, err
	}
	v.fillAttr(&out.Attr, g, &st)
	id := fs.StableAttr{Mode: unix.S_IFREG, Ino: out.Attr.Ino, Gen: d.slow.get(v.name)}
	// The entry is not kept: the size must be right when the file is opened.
	return d.NewInode(ctx, &virtualNode{fileNode: d.newFile(v.name), file: v}, id), nil
}

func (d *dirNode) newFile(name string) fileNode {
	return fileNode{node: node{t: d.t}, dir: d, name: name}
}

var _ = (fs.NodeGetattrer)((*dirNode)(nil))

func (d *dirNode) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	g, _, err := d.locate()
	if err != nil {
		if h, ok := f.(*dirHandle); ok {
			return h.Getattr(ctx, out)
		}
		return toErrno(err)
	}
	defer g.Close()
	st, err := g.Stat()
	fillAttr(&out.Attr, &st)
	return toErrno(err)
}
