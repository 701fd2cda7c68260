package cgroupio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// v1 is the memory controller of cgroup v1
// (Documentation/admin-guide/cgroup-v1/memory.rst).
type v1 struct{}

var _ layout = v1{}

// isRoot looks for a file that the kernel makes at the root only.
func (v1) isRoot(g *Group) bool {
	st, err := g.Lookup("release_agent")
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG // not a group of that name
}

func (v1) file(q Quantity) string {
	switch q {
	case Members:
		return "cgroup.procs"
	case Limit:
		return "memory.limit_in_bytes"
	case SwapLimit:
		return "memory.memsw.limit_in_bytes" // memory and swap together
	case Usage:
		return "memory.usage_in_bytes"
	case Peak:
		return "memory.max_usage_in_bytes"
	case Breakdown:
		return "memory.stat"
	case KernelUsage:
		return "memory.kmem.usage_in_bytes"
	}
	return ""
}

// bytesIn reads a control file that holds one number of bytes.
func (v v1) bytesIn(g *Group, q Quantity) (Size, error) {
	text, err := g.read(v.file(q))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", v.file(q), errors.Join(err, unix.EIO))
	}
	return Size(min(n, uint64(Max))), nil
}

func (v v1) usage(g *Group) (Size, error) { return v.bytesIn(g, Usage) }
func (v v1) peak(g *Group) (Size, error)  { return v.bytesIn(g, Peak) }
func (v v1) limit(g *Group) (Size, error) { return v.bytesIn(g, Limit) }

func (v v1) resetPeak(ctx context.Context, g *Group) error {
	return g.write(ctx, v.file(Peak), "0")
}

// setBytes writes a number of bytes: the kernel takes -1 for no limit.
func (v v1) setBytes(ctx context.Context, g *Group, q Quantity, s Size) error {
	text := "-1"
	if s < Max {
		text = strconv.FormatUint(uint64(s), 10)
	}
	return g.write(ctx, v.file(q), text)
}

// bothLimits keeps two changes of both limits of one group apart.
var bothLimits groupLocks

// setLimit keeps the swap allowance, which is what memory.memsw.limit_in_bytes
// has over memory.limit_in_bytes. The kernel wants the former never below the
// latter, so the order depends on the direction.
func (v v1) setLimit(ctx context.Context, g *Group, limit Size) error {
	swap, err := v.bytesIn(g, SwapLimit)
	if errors.Is(err, unix.ENOENT) || err == nil && swap >= Max {
		// No swap accounting, or no limit on it: one write is all, and
		// nobody else's slow change holds it up.
		return v.setBytes(ctx, g, Limit, limit)
	}
	if err != nil {
		return err
	}
	unlock, err := bothLimits.lock(ctx, g.ino)
	if err != nil {
		return err
	}
	defer unlock()

	old, err := v.limit(g)
	if err != nil {
		return err
	}
	if swap, err = v.bytesIn(g, SwapLimit); err != nil {
		return err
	}
	newSwap := Max
	if limit < Max && swap < Max && old <= swap && swap-old < Max-limit {
		newSwap = limit + (swap - old)
	}
	plan := fmt.Sprintf("%d %d %d %d", uint64(old), uint64(swap), uint64(limit), uint64(newSwap))
	return g.asWhole(plan, func() error {
		return v.setBoth(ctx, g, [2]Size{old, swap}, [2]Size{limit, newSwap})
	})
}

// setBoth changes the limit and that of memory and swap together from what they
// are; when the second write fails, the first is put back.
func (v v1) setBoth(ctx context.Context, g *Group, from, to [2]Size) error {
	quantities := [2]Quantity{Limit, SwapLimit}
	order := [2]int{0, 1}
	if to[0] > from[0] {
		order = [2]int{1, 0}
	}
	for i, n := range order {
		if to[n] == from[n] {
			continue
		}
		err := v.setBytes(ctx, g, quantities[n], to[n])
		if err == nil {
			continue
		}
		if first := order[0]; i == 1 && to[first] != from[first] {
			// Not with ctx: a caller that is gone must not leave half.
			if back := v.setBytes(context.WithoutCancel(ctx), g, quantities[first], from[first]); back != nil {
				err = errors.Join(err, fmt.Errorf("put back %s: %w", v.file(quantities[first]), back))
			}
		}
		return err
	}
	return nil
}

func (v v1) restore(ctx context.Context, g *Group, plan string) (string, error) {
	var from, to [2]Size
	if _, err := fmt.Sscan(plan, &from[0], &from[1], &to[0], &to[1]); err != nil {
		return "", fmt.Errorf("the mark %q is not understood: %w", plan, unix.EINVAL)
	}
	limit, err := v.limit(g)
	if err != nil {
		return "", err
	}
	swap, err := v.bytesIn(g, SwapLimit)
	if err != nil {
		return "", err
	}
	now := [2]Size{limit, swap}
	half := from != to && (now == [2]Size{to[0], from[1]} || now == [2]Size{from[0], to[1]}) && now != from && now != to
	if !half {
		return fmt.Sprintf("as it should be: %s is %s, %s is %s", v.file(Limit), limit, v.file(SwapLimit), swap), nil
	}
	if err := v.setBoth(ctx, g, now, from); err != nil {
		return "", fmt.Errorf("put back %s and %s: %w", from[0], from[1], err)
	}
	return fmt.Sprintf("undone: %s is %s again, %s is %s", v.file(Limit), from[0], v.file(SwapLimit), from[1]), nil
}

func (v v1) effectiveLimit(g *Group) (Size, error) {
	stat, err := v.stat(g)
	if err != nil {
		return 0, err
	}
	return Size(min(stat["hierarchical_memory_limit"], uint64(Max))), nil
}

// boundsChildren is memory.use_hierarchy. Before Linux 5.11 a group counts only
// what is in itself until somebody writes 1: systemd does, at boot.
func (v1) boundsChildren(g *Group) (bool, error) {
	text, err := g.read("memory.use_hierarchy")
	if errors.Is(err, unix.ENOENT) {
		return true, nil
	}
	return string(bytes.TrimSpace(text)) != "0", err
}

// stat reads memory.stat; keys that nobody asks for do no harm.
func (v v1) stat(g *Group) (map[string]uint64, error) {
	text, err := g.read(v.file(Breakdown))
	if err != nil {
		return nil, err
	}
	return parseFlatKeyed(text), nil
}

func (v v1) breakdown(g *Group) (Stat, error) {
	stat, err := v.stat(g)
	if err != nil {
		return Stat{}, err
	}
	usage, err := v.usage(g)
	if err != nil {
		return Stat{}, err
	}
	// The total_ keys count the groups below as well, as usage does.
	size := func(key string) Size { return Size(stat["total_"+key]) }
	s := Stat{
		Usage:        usage,
		Anonymous:    size("rss"),
		FileActive:   size("active_file"),
		FileInactive: size("inactive_file"),
		Shared:       size("shmem"),
		Unevictable:  size("unevictable"),
		Swap:         size("swap"),
	}
	_, s.HasSwap = stat["total_swap"]
	kernel, err := g.read(v.file(KernelUsage))
	if err == nil {
		n, _ := strconv.ParseUint(string(bytes.TrimSpace(kernel)), 10, 64)
		s.Kernel, s.HasKernel = Size(n), true
	} else if !errors.Is(err, unix.ENOENT) {
		return Stat{}, err
	}
	return s, nil
}
