package fsnode

import (
	"fmt"
	"math/bits"
	"strings"

	"memcgfs/cgroupio"
)

// What virtual files say: numbers in, text out.

// sayExact is a size that, written back, is the same: "20M\n".
func sayExact(s cgroupio.Size, err error) (string, error) { return s.String() + "\n", err }

// sayApprox is a size to look at: "12.3M\n".
func sayApprox(s cgroupio.Size, err error) (string, error) { return s.Approx() + "\n", err }

// sayUsage is one line of usage.live: "12.3M  61% of 20M\n".
func sayUsage(usage, limit cgroupio.Size) string {
	if limit >= cgroupio.Max {
		return usage.Approx() + "  no limit\n"
	}
	return fmt.Sprintf("%s  %s of %s\n", usage.Approx(), percent(usage, limit), limit)
}

// percent is rounded down: only a full group is at 100%.
func percent(part, whole cgroupio.Size) string {
	if whole == 0 {
		return "100%"
	}
	hi, lo := bits.Mul64(uint64(part), 100)
	if hi >= uint64(whole) {
		return "over 100%"
	}
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return fmt.Sprintf("%d%%", q)
}

// sayStat is stat.human: a line for each thing that takes memory.
func sayStat(s cgroupio.Stat) string {
	var b strings.Builder
	line := func(word string, size cgroupio.Size, meaning string) {
		fmt.Fprintf(&b, "%-14s %8s  %s\n", word, size.Approx(), meaning)
	}
	line("total", s.Usage, "all that is charged to the group and those below it")
	line("working set", s.WorkingSet(), "the total without inactive file cache")
	line("anonymous", s.Anonymous, "program memory: heaps and stacks")
	line("file active", s.FileActive, "file cache in recent use")
	line("file inactive", s.FileInactive, "file cache that is given up first")
	line("shared", s.Shared, "tmpfs and shared memory")
	line("unevictable", s.Unevictable, "locked in memory")
	if s.HasKernel {
		line("kernel", s.Kernel, "the kernel's own, for the group")
	}
	if s.HasSwap {
		line("swap", s.Swap, "swapped out, not in the total")
	}
	return b.String()
}
