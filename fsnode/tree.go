package fsnode

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// tree is what all nodes of one mount share.
type tree struct {
	src *cgroupio.Source
	why journal
	log *slog.Logger

	handles, writes share

	// passthrough says that the kernel reads control files by itself. It is
	// found out before the mount is said to be ready, and does not change.
	passthrough bool
}

// caller is the task whose request ctx belongs to.
func (t *tree) caller(ctx context.Context) *cgroupio.Caller {
	c, ok := fuse.FromContext(ctx)
	if !ok {
		// A request of the kernel's own, which has no caller's rights.
		return t.src.Caller(0, 65534, 65534)
	}
	return t.src.Caller(int(c.Pid), c.Uid, c.Gid)
}

// refused notes why a request on the file name in the group failed, and gives
// the errno.
func (t *tree) refused(g *cgroupio.Group, c *cgroupio.Caller, name string, err error) syscall.Errno {
	if err != nil {
		t.why.note(g.Ino(), c.Uid, name, err)
		t.log.Debug("refused", "group", g.Ino(), "file", name, "uid", c.Uid, "err", err)
	}
	return toErrno(err)
}

// place is a node's place in the kernel's tree: its group, which the caller
// closes, and the name of the control file in it, "" for the group itself.
type place interface {
	locate() (*cgroupio.Group, string, error)
}

// node is what the three kinds of node have in common.
type node struct {
	fs.Inode
	t *tree
}

// group opens the group of the directory dir. ENOENT says that it was removed:
// directories are never answered for from a cache, so that there is nothing to
// look up again.
func (t *tree) group(dir *fs.Inode) (*cgroupio.Group, error) {
	g, err := t.src.Group(dir.StableAttr().Ino, func() (path []cgroupio.Step) {
		for name, up := dir.Parent(); up != nil; name, up = dir.Parent() {
			path = append(path, cgroupio.Step{Name: name, Ino: dir.StableAttr().Ino})
			dir = up
		}
		slices.Reverse(path)
		return path
	})
	if errors.Is(err, unix.ESTALE) {
		err = unix.ENOENT
	}
	return g, err
}

// stale says that the group has another file of a name by now, upon which the
// kernel looks the name up again; or that the group was removed meanwhile.
func stale(g *cgroupio.Group) error {
	if g.Removed() {
		return unix.ENOENT
	}
	return unix.ESTALE
}

// fileNode is what the two kinds of file have in common.
type fileNode struct {
	node
	dir  *dirNode // a file stays in its group
	name string
	// kept says that the kernel may have the entry of this file cached.
	kept atomic.Bool
}

// parentGroup opens the group that the file is in.
func (n *fileNode) parentGroup() (*cgroupio.Group, error) {
	return n.t.group(n.dir.EmbeddedInode())
}

// forever is how long the kernel may keep the entry of a file: the file goes
// only with its directory, which is looked up each time, and a request for a
// file that another has replaced is answered with ESTALE, upon which the
// kernel looks it up again.
const forever = 365 * 24 * time.Hour

// keep lets the kernel cache the entry of the file, where everybody may look it
// up.
func (n *fileNode) keep(g *cgroupio.Group, out *fuse.EntryOut) {
	if g.SearchableByAll() {
		n.kept.Store(true)
		out.SetEntryTimeout(forever)
	}
}

// outdated says that a file is asked about without having been looked up,
// where by now not everybody may: the kernel looks it up again when the answer
// is ESTALE. A user who has it open need not look it up.
func (n *fileNode) outdated(ctx context.Context, g *cgroupio.Group, f fs.FileHandle) bool {
	if h, ok := f.(interface{ openedBy() uint32 }); ok {
		if c, ok := fuse.FromContext(ctx); ok && c.Uid == h.openedBy() {
			return false
		}
	}
	return !g.SearchableByAll() && n.kept.Swap(false)
}

// fillAttr turns the kernel's attributes into FUSE's.
func fillAttr(out *fuse.Attr, st *unix.Stat_t) {
	*out = fuse.Attr{
		Ino: st.Ino, Size: uint64(st.Size), Blocks: uint64(st.Blocks), Blksize: uint32(st.Blksize),
		Mode: st.Mode, Nlink: uint32(st.Nlink), Rdev: uint32(st.Rdev),
		Owner:     fuse.Owner{Uid: st.Uid, Gid: st.Gid},
		Atime:     uint64(st.Atim.Sec),
		Atimensec: uint32(st.Atim.Nsec),
		Mtime:     uint64(st.Mtim.Sec),
		Mtimensec: uint32(st.Mtim.Nsec),
		Ctime:     uint64(st.Ctim.Sec),
		Ctimensec: uint32(st.Ctim.Nsec),
	}
}

const page = 4096

// fillControl is fillAttr for a control file. Without passthrough its reported
// size, 0, would be where sendfile stops.
func (t *tree) fillControl(out *fuse.Attr, g *cgroupio.Group, name string, st *unix.Stat_t) {
	fillAttr(out, st)
	if !t.passthrough && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o444 != 0 {
		n, err := g.TextSize(name)
		if err == nil {
			out.Size = uint64(max(n, page))
		}
	}
}
