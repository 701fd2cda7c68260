package fsnode

import (
	"context"
	"errors"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// virtualFile is a file that memcgfs adds to every group whose kernel files
// can serve it.
type virtualFile struct {
	name string
	// needs are the quantities that the kernel must have files for. Owner,
	// mode and times of the first one's are the virtual file's as well.
	needs []cgroupio.Quantity
	// read gives the text, with the credentials of whoever opened the file.
	read func(r request) (string, error)
	// write takes one whole text, likewise; nil for a file that is only read.
	write func(ctx context.Context, r request, text []byte) error
	// live is for a text that tail -f follows: once a second it is read again
	// and added to what was read.
	live bool
}

// request is what a virtual file is asked for.
type request struct {
	t      *tree
	group  *cgroupio.Group
	caller *cgroupio.Caller
}

// virtualFiles is the one place that declares virtual files. The texts of at
// most one page are made in say.go; docs/files.md is the reference.
var virtualFiles = []virtualFile{
	{
		name: "limit.human", needs: []cgroupio.Quantity{cgroupio.Limit, cgroupio.Breakdown},
		read: func(r request) (string, error) { return sayExact(r.group.Limit()) },
		write: func(ctx context.Context, r request, text []byte) error {
			return r.group.SetLimit(ctx, r.caller, text)
		},
	},
	{
		name: "usage.human", needs: []cgroupio.Quantity{cgroupio.Usage},
		read: func(r request) (string, error) { return sayApprox(r.group.Usage()) },
	},
	{
		name: "usage.live", needs: []cgroupio.Quantity{cgroupio.Usage, cgroupio.Breakdown}, live: true,
		read: func(r request) (string, error) {
			usage, err := r.group.Usage()
			if err != nil {
				return "", err
			}
			limit, err := r.group.EffectiveLimit()
			return sayUsage(usage, limit), err
		},
	},
	{
		name: "peak.human", needs: []cgroupio.Quantity{cgroupio.Peak},
		read: func(r request) (string, error) { return sayApprox(r.group.Peak()) },
		write: func(ctx context.Context, r request, text []byte) error {
			return r.group.ResetPeak(ctx, r.caller, text)
		},
	},
	{
		name: "stat.human", needs: []cgroupio.Quantity{cgroupio.Breakdown, cgroupio.Usage},
		read: func(r request) (string, error) {
			s, err := r.group.Breakdown()
			return sayStat(s), err
		},
	},
	{
		name: "why", needs: []cgroupio.Quantity{cgroupio.Members},
		read: func(r request) (string, error) {
			st, err := r.group.Stat()
			if err != nil {
				return "", err
			}
			return r.t.why.read(r.group.Ino(), r.caller.Uid, st.Uid), nil
		},
	},
}

// anchor is the control file that the virtual file is another face of. ENOENT
// says that the kernel cannot serve the virtual file in this group.
func (v *virtualFile) anchor(g *cgroupio.Group) (string, unix.Stat_t, error) {
	name, st, err := g.File(v.needs[0])
	for _, q := range v.needs[1:] {
		if err == nil {
			_, _, err = g.File(q)
		}
	}
	return name, st, err
}

// shadowed says that the kernel has something of the same name, which wins.
func (v *virtualFile) shadowed(g *cgroupio.Group) bool {
	_, err := g.Lookup(v.name)
	return !errors.Is(err, unix.ENOENT)
}

// isVirtual says that name is one of a virtual file that the group has.
func isVirtual(g *cgroupio.Group, name string) bool {
	for i := range virtualFiles {
		if v := &virtualFiles[i]; v.name == name {
			_, _, err := v.anchor(g)
			return err == nil
		}
	}
	return false
}

// ino numbers the file in the range that kernfs, which counts up from 1 with
// the number of wraps in the upper half, leaves free.
func (v *virtualFile) ino(g *cgroupio.Group) uint64 {
	for i := range virtualFiles {
		if v == &virtualFiles[i] {
			return g.Ino() | uint64(i+1)<<56
		}
	}
	panic("a virtual file that is not in the table")
}

func (v *virtualFile) fillAttr(out *fuse.Attr, g *cgroupio.Group, st *unix.Stat_t) {
	fillAttr(out, st)
	out.Ino = v.ino(g)
	// The control file's rights, for what can be done with this one.
	out.Mode &^= 0o111
	if v.write == nil {
		out.Mode &^= 0o222
	}
	out.Size = page
}
