package cgroupio

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Quantity is what a group can be asked for under either of the kernel's
// memory interfaces.
type Quantity int

const (
	Members     Quantity = iota // who is in the group: every group has it
	Limit                       // the hard limit
	SwapLimit                   // the swap allowance on top of it
	Usage                       // memory charged to the group and those below
	Peak                        // the highest usage
	Breakdown                   // where the memory goes
	KernelUsage                 // the kernel's own part of the usage
)

// V1File names the control file that stands for q under cgroup v1, for the
// reference pages.
func (q Quantity) V1File() string { return v1{}.file(q) }

// layout is what differs between the kernel's memory interfaces. Its methods
// run with the credentials of the calling thread.
type layout interface {
	// isRoot says that the group is the root of the hierarchy, whose memory
	// the kernel does not limit.
	isRoot(g *Group) bool
	// file names the control file that stands for q, "" for none.
	file(q Quantity) string
	usage(g *Group) (Size, error)
	peak(g *Group) (Size, error)
	resetPeak(ctx context.Context, g *Group) error
	limit(g *Group) (Size, error)
	// setLimit changes all control files that must change, or none.
	setLimit(ctx context.Context, g *Group, limit Size) error
	// restore puts back what a change that was interrupted has found, if half
	// of it is there, and says what was done. plan is what the change has
	// written down.
	restore(ctx context.Context, g *Group, plan string) (did string, err error)
	// effectiveLimit is the tightest limit of the group and those above it.
	effectiveLimit(g *Group) (Size, error)
	breakdown(g *Group) (Stat, error)
	// boundsChildren says whether what the groups below use counts in g.
	boundsChildren(g *Group) (bool, error)
}

// File gives the attributes and the name of the control file that stands for
// q; ENOENT where the kernel has none in this group.
func (g *Group) File(q Quantity) (string, unix.Stat_t, error) {
	name := g.src.layout.file(q)
	if name == "" {
		return "", unix.Stat_t{}, unix.ENOENT
	}
	st, err := g.Lookup(name)
	return name, st, err
}

// Usage is the memory charged to the group and the groups below it.
func (g *Group) Usage() (Size, error) { return g.src.layout.usage(g) }

// Peak is the highest usage since the group was made or [Group.ResetPeak].
func (g *Group) Peak() (Size, error) { return g.src.layout.peak(g) }

// ResetPeak sets the peak to what is used now. text must say 0, as it reads
// afterwards at the least.
func (g *Group) ResetPeak(ctx context.Context, c *Caller, text []byte) error {
	if string(bytes.TrimSpace(text)) != "0" {
		return &Refusal{
			Value: quote(text), Errno: unix.EINVAL,
			Reason: "the peak can only be set back", Try: "write 0",
		}
	}
	if err := g.src.layout.resetPeak(ctx, g); err != nil {
		return g.ExplainWrite(c, g.src.layout.file(Peak), text, err)
	}
	return nil
}

// Limit is the group's own hard limit, [Max] for none.
func (g *Group) Limit() (Size, error) { return g.src.layout.limit(g) }

// EffectiveLimit is the tightest hard limit of the group and those above it,
// [Max] where none has one.
func (g *Group) EffectiveLimit() (Size, error) { return g.src.layout.effectiveLimit(g) }

// Breakdown says where the group's memory goes.
func (g *Group) Breakdown() (Stat, error) { return g.src.layout.breakdown(g) }

// SetLimit sets the hard limit to what text says, as [ParseSize] reads it; a
// percentage is one of what the parent allows. It changes everything that
// belongs to it or nothing, and a [Refusal] says why not.
func (g *Group) SetLimit(ctx context.Context, c *Caller, text []byte) error {
	limit, err := ParseSize(text, g.allowedByParent)
	if err != nil {
		return err
	}
	if g.src.layout.isRoot(g) {
		return limitOfRoot(text, unix.EINVAL)
	}
	if err := g.src.layout.setLimit(ctx, g, limit); err != nil {
		return g.ExplainWrite(c, g.src.layout.file(Limit), text, err)
	}
	return nil
}

// parent opens the group above, nil for the root of the hierarchy. For the
// source's own group it looks outside the source. ENXIO says that the mount of
// the kernel's tree begins at this group, as in a container, so that the one
// above is out of sight.
func (g *Group) parent() (*Group, error) {
	if g.src.layout.isRoot(g) {
		return nil, nil
	}
	var here, above unix.Stat_t
	if err := unix.Fstat(g.fd, &here); err != nil {
		return nil, fmt.Errorf("stat the group: %w", err)
	}
	var fd int
	err := g.inside(nil, func() (err error) {
		fd, err = openRetry(g.fd, "..", unix.O_PATH|unix.O_DIRECTORY)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the parent group: %w", err)
	}
	if err := unix.Fstat(fd, &above); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("stat the parent group: %w", err)
	}
	if above.Dev != here.Dev || above.Ino == here.Ino {
		unix.Close(fd)
		return nil, fmt.Errorf("open the parent group: %w", unix.ENXIO)
	}
	return &Group{src: g.src, fd: fd, ino: above.Ino, caller: g.caller}, nil
}

// allowedByParent is what 100% means: the parent's effective limit, or the
// machine's memory where there is none, or none that bounds the group.
func (g *Group) allowedByParent() (Size, error) {
	machine, err := g.src.proc.memTotal()
	if err != nil {
		return 0, err
	}
	parent, err := g.parent()
	if errors.Is(err, unix.ENXIO) {
		return g.allowedFromAbove(machine)
	}
	if err != nil || parent == nil {
		return machine, err
	}
	defer parent.Close()
	if bounds, err := g.src.layout.boundsChildren(parent); err != nil || !bounds {
		return machine, err
	}
	limit, err := parent.EffectiveLimit()
	return min(limit, machine), err
}

// allowedFromAbove is for a parent out of sight: what is effective in the group
// is what it allows, unless the group's own limit is tighter.
func (g *Group) allowedFromAbove(machine Size) (Size, error) {
	own, err := g.Limit()
	if err != nil {
		return 0, err
	}
	effective, err := g.EffectiveLimit()
	if err == nil && own < Max && own <= effective {
		err = &Refusal{
			Errno: unix.EINVAL, Reason: "what the parent group allows cannot be seen from here, so there is nothing to take a part of",
			Try: "write a size such as 20M",
		}
	}
	return min(effective, machine), err
}
