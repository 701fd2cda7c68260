package cgroupio

import (
	"math"
	"os"
	"strconv"
)

// Size is a number of bytes of memory; [Max] and above mean no limit.
type Size uint64

var pageSize = Size(os.Getpagesize())

// Max is how cgroup v1 on a 64-bit kernel writes that there is no limit: the
// largest whole number of pages below 2^63, 9223372036854771712 with pages of
// 4096 bytes (PAGE_COUNTER_MAX, include/linux/page_counter.h).
var Max = Size(math.MaxInt64).pages()

func (s Size) pages() Size { return s - s%pageSize }

// RoundDown is the size in whole pages, which is how the kernel counts.
func (s Size) RoundDown() Size {
	if s >= Max {
		return Max
	}
	return s.pages()
}

const units = "KMGTPE"

// String is the size exactly, in the largest unit that divides it: "20M",
// "20484K", "4097", "max". [ParseSize] gives the same size back.
func (s Size) String() string {
	if s >= Max {
		return "max"
	}
	unit := 0
	for s != 0 && s%1024 == 0 && unit < len(units) {
		s /= 1024
		unit++
	}
	if unit == 0 {
		return strconv.FormatUint(uint64(s), 10)
	}
	return strconv.FormatUint(uint64(s), 10) + units[unit-1:unit]
}

// Approx is the size for reading, with one decimal from 1K on, rounded half
// up: "512", "12.3M", "max".
func (s Size) Approx() string {
	if s >= Max {
		return "max"
	}
	if s < 1024 {
		return strconv.FormatUint(uint64(s), 10)
	}
	// Tenths of the smallest unit in which less than 1024.0 remain.
	for unit := range len(units) {
		one := Size(1) << (10 * (unit + 1))
		tenths := s/one*10 + (s%one*10+one/2)/one
		if tenths < 10240 || unit == len(units)-1 {
			return strconv.FormatUint(uint64(tenths/10), 10) + "." +
				strconv.FormatUint(uint64(tenths%10), 10) + units[unit:unit+1]
		}
	}
	panic("unreachable")
}
