package cgroupio

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"

	"golang.org/x/sys/unix"
)

// CheckKernelSize says what the kernel would make of text written to a v1
// control file that takes bytes: nil when it takes it for the number that
// stands there, else a [Refusal]. The kernel's memparse (lib/cmdline.c) reads
// octal and hexadecimal numbers and one letter for the unit, and
// page_counter_memparse takes -1 for no limit.
//
// It also refuses what the kernel takes for something else than is written:
// nothing and a bare unit (0), a number that wraps around in 64 bits, a NUL
// byte (the end), and, for a limit, less than one page (0).
func CheckKernelSize(text []byte, limit bool) error {
	no := func(reason, try string) error {
		return &Refusal{Value: quote(text), Reason: reason, Try: try, Errno: unix.EINVAL}
	}
	const plain = "write bytes, or a number with K, M, G, T, P or E, or -1 for no limit"
	if bytes.IndexByte(text, 0) >= 0 {
		return no("it contains a NUL byte, where the kernel stops reading", plain)
	}
	s := bytes.Trim(text, blanks)
	if len(s) == 0 {
		return no("nothing is written, which the kernel reads as 0", plain)
	}
	if string(s) == "-1" {
		return nil
	}
	value, rest, overflow := memparse(s)
	switch {
	case s[0] == '-':
		return no("not a size that the kernel takes", "write -1 for no limit")
	case len(rest) == 0 && !isDigit(s[0]):
		return no("a unit without a number, which the kernel reads as 0", plain)
	case !isDigit(s[0]):
		if _, err := ParseSize(s, nothing); err == nil {
			return no("not a word that the kernel takes", "write -1 for no limit, or write it to limit.human")
		}
		return no("not a size that the kernel takes", plain)
	case len(rest) > 0:
		// What a person means by it may have a form for the kernel.
		if size, err := ParseSize(s, nothing); err == nil && size > 0 && size < Max {
			return no("not in the kernel's own form", "write "+size.String()+", or write it to limit.human")
		}
		return no("the kernel does not take what follows the number: "+quote(rest), plain)
	case overflow:
		return no("too large: the kernel would wrap it around 2^64", "write less than 8E, or -1 for no limit")
	case limit && value != 0 && value < uint64(pageSize):
		return no(belowPage(strconv.FormatUint(value, 10)), "write "+pageSize.String()+" or more, or 0")
	}
	return nil
}

// nothing is for a percentage where none can be meant.
func nothing() (Size, error) { return 0, unix.EINVAL }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// memparse is the kernel's: a number with base 0 and a letter. It tells of the
// overflow that the kernel passes over.
func memparse(s []byte) (value uint64, rest []byte, overflow bool) {
	base := uint64(10)
	if s[0] == '0' {
		base = 8
		if len(s) > 2 && s[1]|0x20 == 'x' && digit(s[2]) < 16 {
			base, s = 16, s[2:]
		}
	}
	for len(s) > 0 && digit(s[0]) < base {
		hi, lo := bits.Mul64(value, base)
		sum, carry := bits.Add64(lo, digit(s[0]), 0)
		value, overflow = sum, overflow || hi != 0 || carry != 0
		s = s[1:]
	}
	if len(s) > 0 {
		if i := bytes.IndexByte([]byte(units), s[0]&^0x20); i >= 0 && s[0] >= 'A' {
			shift := uint(10 * (i + 1))
			overflow = overflow || value > math.MaxUint64>>shift
			value <<= shift
			s = s[1:]
		}
	}
	return value, s, overflow
}

// digit is the value of a digit in base 16, and 16 for anything else.
func digit(c byte) uint64 {
	switch {
	case isDigit(c):
		return uint64(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10
	}
	return 16
}
