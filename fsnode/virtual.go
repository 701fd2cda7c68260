package fsnode

import (
	"context"
	"errors"
	"syscall"

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
	doc  fileDoc
}

// fileDoc is what docs/files.md says of a virtual file and the rest of the
// table does not say already.
type fileDoc struct {
	// reads is what the text is: unit, rounding and edge values.
	reads string
	// example is a text that the file had. A test reads the file again, and
	// takes other numbers for the same.
	example string
	// takes is what can be written, for a file that takes anything.
	takes string
	// fails are the errnos of a write that the file itself can give.
	fails []failure
	// also are the quantities that it uses where the kernel has files for
	// them.
	also []cgroupio.Quantity
}

// failure is an errno and what it means.
type failure struct {
	errno   syscall.Errno
	meaning string
}

// request is what a virtual file is asked for.
type request struct {
	t      *tree
	group  *cgroupio.Group
	caller *cgroupio.Caller
}

// virtualFiles is the one place that declares virtual files. The texts of at
// most one page are made in say.go. docs/files.md is made from it:
//
//	go test ./fsnode -run TestFilesPage -update
var virtualFiles = []virtualFile{
	{
		name: "limit.human", needs: []cgroupio.Quantity{cgroupio.Limit, cgroupio.Breakdown},
		read: func(r request) (string, error) { return sayExact(r.group.Limit()) },
		write: func(ctx context.Context, r request, text []byte) error {
			return r.group.SetLimit(ctx, r.caller, text)
		},
		doc: fileDoc{
			reads: "The hard limit of the group, exact, in the largest unit that divides it: `20M`, `20484K`, `0`. " +
				"`max` is no limit. Written back, it gives the same limit.",
			example: "20M\n",
			takes: "A size, as under [Sizes](#sizes); it is rounded down to whole pages. A percentage is one of what the parent group allows, " +
				"at the top of the machine's memory. The allowance for swap stays what it was: " +
				"the limit of memory and swap together moves along, in the order that the kernel wants. " +
				"Both change or neither does.",
			fails: []failure{
				{unix.EINVAL, "not a size, or the group is the root group, which has no limit"},
				{unix.E2BIG, "more than 4096 bytes of text"},
				{unix.EBUSY, "the group uses more, and the kernel could not reclaim enough; `why` says what would be enough"},
				{unix.EINTR, "a signal ended it before anything had changed"},
			},
			also: []cgroupio.Quantity{cgroupio.SwapLimit},
		},
	},
	{
		name: "usage.human", needs: []cgroupio.Quantity{cgroupio.Usage},
		read: func(r request) (string, error) { return sayApprox(r.group.Usage()) },
		doc: fileDoc{
			reads: "The memory that the group and those below it use, page cache included, " +
				"with one decimal from 1K on, rounded. Below 1K it is in bytes: `0`.",
			example: "12.3M\n",
		},
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
		doc: fileDoc{
			reads: "The usage, as in `usage.human`; how much that is of the tightest limit of the group and those above it, " +
				"rounded down, so that only a full group is at 100%; and that limit, exact. " +
				"Where none of them has a limit: `12.3M  no limit`. Just after a limit was lowered it can be `over 100%`.",
			example: "12.3M  61% of 20M\n",
		},
	},
	{
		name: "peak.human", needs: []cgroupio.Quantity{cgroupio.Peak},
		read: func(r request) (string, error) { return sayApprox(r.group.Peak()) },
		write: func(ctx context.Context, r request, text []byte) error {
			return r.group.ResetPeak(ctx, r.caller, text)
		},
		doc: fileDoc{
			reads: "The highest usage since the group was made, or since the peak was last set back; " +
				"written as in `usage.human`.",
			example: "13.1M\n",
			takes:   "`0`, which sets it back to what is used at that moment.",
			fails: []failure{
				{unix.EINVAL, "anything but `0`"},
			},
		},
	},
	{
		name: "stat.human", needs: []cgroupio.Quantity{cgroupio.Breakdown, cgroupio.Usage},
		read: func(r request) (string, error) {
			s, err := r.group.Breakdown()
			return sayStat(s), err
		},
		doc: fileDoc{
			reads: "Where the memory of the group and those below it is, a line for each kind: its name, how much, what it is. " +
				"Sizes are written as in `usage.human`. The lines do not add up to the total: shared memory is part of the file cache, " +
				"unevictable memory is part of the others, and the kernel's counters run behind by up to 64 pages for each processor. " +
				"`kernel` and `swap` are there where the kernel counts them.",
			example: `total             12.3M  all that is charged to the group and those below it
working set       12.2M  the total without inactive file cache
anonymous         12.0M  program memory: heaps and stacks
file active           0  file cache in recent use
file inactive     72.0K  file cache that is given up first
shared                0  tmpfs and shared memory
unevictable           0  locked in memory
kernel           244.0K  the kernel's own, for the group
swap                  0  swapped out, not in the total
`,
			also: []cgroupio.Quantity{cgroupio.KernelUsage},
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
		doc: fileDoc{
			reads: "Why requests in this group were refused, a line for each, the latest last: the file, the value, the reason, " +
				"and after a semicolon what would work. Each user reads his own last 8; the group's owner and root read those of everybody, " +
				"as many as fit on a page. Empty when nothing was refused. What is told twice in a row is kept once. " +
				"A `rmdir` or `mkdir` that failed is told in the parent group. It is kept in memory, for the last 1024 pairs of group and user, " +
				"and gone when memcgfs ends.",
			example: `limit.human: "20X": unknown unit "X"; write a number with K, M, G, T, P or E, a percentage such as 50%, or max
`,
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

// writable are the names of the virtual files that can be written to.
func writable() (names []string) {
	for i := range virtualFiles {
		if virtualFiles[i].write != nil {
			names = append(names, virtualFiles[i].name)
		}
	}
	return names
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

// fillAttr fills in all but the size.
func (v *virtualFile) fillAttr(out *fuse.Attr, g *cgroupio.Group, st *unix.Stat_t) {
	fillAttr(out, st)
	out.Ino = v.ino(g)
	// The control file's rights, for what can be done with this one.
	out.Mode &^= 0o111
	if v.write == nil {
		out.Mode &^= 0o222
	}
	out.Size = 0
}
