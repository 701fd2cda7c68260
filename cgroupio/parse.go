package cgroupio

import (
	"bytes"
	"cmp"
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/sys/unix"
)

// maxText is the longest text that a control file takes in one write.
const maxText = 4096

const grammar = "write a number with K, M, G, T, P or E, a percentage such as 50%, or max"

// ParseSize reads what a person writes for a limit, and rounds it down to
// whole pages as the kernel does:
//
//	20971520  20M  20mb  20MiB  "20 M"  1.5G    units are powers of 1024
//	50%  12.5%                                  of what whole gives
//	max  unlimited  infinity  none  -1          no limit
//
// whole is called for a percentage only; its error is returned as it is. All
// other errors are a [Refusal] with EINVAL, or E2BIG for a text of more than
// 4096 bytes.
func ParseSize(text []byte, whole func() (Size, error)) (Size, error) {
	no := func(reason, try string) (Size, error) {
		return 0, &Refusal{Value: quote(text), Reason: reason, Try: try, Errno: unix.EINVAL}
	}
	if len(text) > maxText {
		return 0, tooLong(text)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return no("it contains a NUL byte", grammar)
	}
	s := strings.Trim(string(text), blanks)
	switch strings.ToLower(s) {
	case "":
		return no("nothing is written", grammar)
	case "max", "unlimited", "infinity", "none", "-1":
		return Max, nil
	}
	if strings.HasPrefix(s, "-") {
		return no("a limit is not negative", "write -1 or max for no limit")
	}
	number := s[:len(s)-len(strings.TrimLeft(s, "0123456789."))]
	unit := strings.Trim(s[len(number):], blanks)
	if number == "" {
		if _, known := unitBits(unit); known || unit == "%" {
			return no("a unit without a number", grammar)
		}
		return no("not a size", grammar)
	}
	if number == "0" && strings.HasPrefix(strings.ToLower(unit), "x") {
		return no("hexadecimal is not taken", "write the number in decimal")
	}
	if strings.ContainsAny(unit, "0123456789") {
		return no("more than one number", "write one number with its unit, such as 20M")
	}
	digits, fraction, hasPoint := strings.Cut(number, ".")
	if hasPoint && (fraction == "" || strings.Contains(fraction, ".")) {
		return no("not a decimal number", "write one such as 1.5")
	}
	shift, known := unitBits(unit)
	if !known && unit != "%" {
		return no(fmt.Sprintf("unknown unit %s", quote([]byte(unit))), grammar)
	}
	if len(digits) > 1 && digits[0] == '0' {
		return no("leading zeros, which the kernel would read as octal",
			"write "+cmp.Or(strings.TrimLeft(digits, "0"), "0")+strings.TrimPrefix(number, digits)+unit)
	}

	// value = digits and fraction as one integer, over 10^len(fraction).
	value, _ := new(big.Int).SetString("0"+digits+fraction, 10)
	over := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil)
	if unit == "%" {
		hundred := new(big.Int).Mul(over, big.NewInt(100))
		if value.Cmp(hundred) > 0 {
			return no("more than what the parent group allows", "write at most 100%, or max")
		}
		all, err := whole()
		if err != nil {
			return 0, err
		}
		value.Mul(value, new(big.Int).SetUint64(uint64(all)))
		over = hundred
	} else {
		value.Lsh(value, shift)
	}
	isZero := value.Sign() == 0
	value.Quo(value, over)
	switch {
	case value.BitLen() > 64:
		return no("too large: it would wrap around in the kernel", "write less than 8E, or max for no limit")
	case value.BitLen() == 64:
		return no("too large: no limit can be 8E or more", "write less than 8E, or max for no limit")
	}
	size := Size(value.Uint64())
	if size < pageSize && !isZero {
		return no(belowPage(value.String()), fmt.Sprintf("write %s or more, or 0", pageSize))
	}
	return size.RoundDown(), nil
}

const blanks = " \t\n\v\f\r"

// unitBits gives by how many bits a unit shifts: "" and "B" by none, K, KB and
// KiB by 10, and so on, in either case.
func unitBits(unit string) (bits uint, known bool) {
	u := strings.ToUpper(unit)
	if u == "" || u == "B" {
		return 0, true
	}
	i := strings.IndexByte(units, u[0])
	if rest := u[1:]; i < 0 || rest != "" && rest != "B" && rest != "IB" {
		return 0, false
	}
	return uint(10 * (i + 1)), true
}

func tooLong(text []byte) error {
	return &Refusal{
		Value: quote(text), Errno: unix.E2BIG,
		Reason: fmt.Sprintf("more than %d bytes of text", maxText), Try: "write one value",
	}
}

func belowPage(bytes string) string {
	return fmt.Sprintf("%s bytes is less than one page of %d bytes, and would become 0", bytes, pageSize)
}
