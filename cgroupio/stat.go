package cgroupio

import (
	"bytes"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Stat says where the memory of a group and the groups below it goes, in bytes
// and in words that mean the same on v1 and v2.
type Stat struct {
	Usage        Size // all that is charged
	Anonymous    Size // program memory: heaps and stacks
	FileActive   Size // page cache in recent use
	FileInactive Size // page cache that goes first
	Shared       Size // tmpfs and shared memory; part of the page cache, only swap can take it
	Unevictable  Size // locked in memory
	Kernel       Size // the kernel's own, for this group
	Swap         Size // swapped out; not part of Usage

	HasKernel, HasSwap bool // whether the kernel counts them
}

// WorkingSet is what the group is likely to need: its usage without the page
// cache that goes first. Container tools show the same.
func (s Stat) WorkingSet() Size { return s.Usage - min(s.Usage, s.FileInactive) }

// Unreclaimable is what reclaim cannot take when there is no swap: all but the
// page cache.
func (s Stat) Unreclaimable() Size {
	return s.Usage - min(s.Usage, s.FileActive+s.FileInactive)
}

// parseFlatKeyed reads lines of a key and a number; others are passed over.
func parseFlatKeyed(text []byte) map[string]uint64 {
	m := make(map[string]uint64)
	for line := range bytes.Lines(text) {
		key, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if n, err := strconv.ParseUint(string(value), 10, 64); ok && err == nil {
			m[string(key)] = n
		}
	}
	return m
}

// memTotal is the machine's memory.
func (p *procfs) memTotal() (Size, error) { return p.meminfo("MemTotal") }

// swapFree is the machine's unused swap.
func (p *procfs) swapFree() (Size, error) { return p.meminfo("SwapFree") }

func (p *procfs) meminfo(key string) (size Size, err error) {
	err = p.read("meminfo", func(b []byte) error {
		for line := range bytes.Lines(b) {
			f := bytes.Fields(line)
			if len(f) == 3 && string(f[0]) == key+":" {
				kib, err := strconv.ParseUint(string(f[1]), 10, 54)
				size = Size(kib << 10)
				return err
			}
		}
		return fmt.Errorf("no %s in /proc/meminfo: %w", key, unix.EIO)
	})
	return size, err
}
