package cgroupio

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func hundredMiB() (Size, error) { return 100 << 20, nil }

var sizeTexts = []struct {
	text string
	want Size
	err  string // what the refusal contains; "" for none
}{
	{"20M", 20 << 20, ""}, {"20m\n", 20 << 20, ""}, {"20MB", 20 << 20, ""}, {"20MiB", 20 << 20, ""},
	{" 20 mib ", 20 << 20, ""}, {"20971520", 20 << 20, ""}, {"20971520B", 20 << 20, ""}, {"1.5G", 3 << 29, ""},
	{".5g", 1 << 29, ""}, {"0.1M", 102400, ""}, {"128000001", 128000000, ""}, {"7E", 7 << 60, ""},
	{"50%", 50 << 20, ""}, {"12.5 %", 13107200, ""}, {"100%", 100 << 20, ""}, {"0", 0, ""}, {"0K", 0, ""}, {"0%", 0, ""},
	{"max", Max, ""}, {"Unlimited", Max, ""}, {"INFINITY", Max, ""}, {"none", Max, ""}, {" -1 ", Max, ""},
	{"9223372036854771712", Max, ""}, {"9223372036854775807", Max, ""},
	{"1.0000000000000000000000000000000000000000001M", 1 << 20, ""},
	{"", 0, "nothing is written"}, {"\n", 0, "nothing is written"}, {"M", 0, "a unit without a number"},
	{"%", 0, "a unit without a number"}, {"iB", 0, "not a size"}, {"MM", 0, "not a size"},
	{"8E", 0, "too large"}, {"16E", 0, "would wrap around"}, {strings.Repeat("9", 40), 0, "would wrap around"},
	{"-2", 0, "not negative"}, {"-20M", 0, "not negative"}, {"20X", 0, `unknown unit "X"`}, {"20Mi", 0, `unknown unit "Mi"`},
	{"20Mbit", 0, `unknown unit "Mbit"`}, {"20M 30M", 0, "more than one number"}, {"1 2", 0, "more than one number"},
	{"20\x00M", 0, "NUL byte"}, {"010M", 0, "write 10M"}, {"00", 0, "leading zeros"}, {"0x10M", 0, "hexadecimal"},
	{"1.", 0, "not a decimal number"}, {"1.2.3M", 0, "not a decimal number"}, {".", 0, "not a decimal number"},
	{"100", 0, "less than one page"}, {"4095", 0, "less than one page"}, {"0.1K", 0, "less than one page"},
	{"0.0001%", 0, "less than one page"}, {"0.9", 0, "less than one page"}, {"101%", 0, "at most 100%"}, {"100.1%", 0, "at most 100%"},
	{strings.Repeat("1", 4097), 0, "more than 4096 bytes"}, {"hello", 0, "not a size"}, {"1e9", 0, "more than one number"},
}

func TestParseSize(t *testing.T) {
	for _, tt := range sizeTexts {
		got, err := ParseSize([]byte(tt.text), hundredMiB)
		var r *Refusal
		switch {
		case tt.err == "" && (err != nil || got != tt.want):
			t.Errorf("ParseSize(%.50q) = %d, %v; want %d", tt.text, got, err, tt.want)
		case tt.err != "" && (!errors.As(err, &r) || !strings.Contains(err.Error(), tt.err) || r.Try == ""):
			t.Errorf("ParseSize(%.50q) = %d, %v; want a refusal with %q", tt.text, got, err, tt.err)
		case len(tt.text) > maxText && !errors.Is(err, unix.E2BIG):
			t.Errorf("ParseSize of %d bytes: %v is not E2BIG", len(tt.text), err)
		}
	}
	const want = `"20X": unknown unit "X"; write a number with K, M, G, T, P or E, a percentage such as 50%, or max`
	if _, err := ParseSize([]byte("20X\n"), nil); err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestSizeRoundTrip(t *testing.T) {
	sizes := []Size{0, pageSize, Max - pageSize, Max, math.MaxUint64}
	for bit := 12; bit < 63; bit++ {
		sizes = append(sizes, 1<<bit, 1<<bit-pageSize, 1<<bit+pageSize)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		sizes = append(sizes, Size(rng.Uint64()>>(1+rng.IntN(50))).RoundDown())
	}
	for _, s := range sizes {
		got, err := ParseSize([]byte(s.String()), nil)
		if err != nil || got != min(s, Max) {
			t.Fatalf("%d prints as %s, which is read as %d, %v", s, s, got, err)
		}
	}
}

func TestSizeText(t *testing.T) {
	for _, tt := range []struct {
		size          Size
		exact, approx string
	}{
		{0, "0", "0"}, {512, "512", "512"}, {4097, "4097", "4.0K"}, {20 << 20, "20M", "20.0M"},
		{20484 << 10, "20484K", "20.0M"}, {12897484, "12897484", "12.3M"}, {1<<20 - 1, "1048575", "1.0M"},
		{1048524, "1048524", "1023.9K"}, {1 << 60, "1E", "1.0E"}, {Max - 4096, "9007199254740984K", "8.0E"}, {Max, "max", "max"},
	} {
		if tt.size.String() != tt.exact || tt.size.Approx() != tt.approx {
			t.Errorf("%d: %s and %s, want %s and %s", uint64(tt.size), tt.size, tt.size.Approx(), tt.exact, tt.approx)
		}
	}
}

func TestMemparse(t *testing.T) {
	for _, tt := range []struct {
		text     string
		value    uint64
		rest     string
		overflow bool
	}{
		{"20M", 20 << 20, "", false}, {"010M", 8 << 20, "", false}, {"0x10M", 16 << 20, "", false},
		{"08", 0, "8", false}, {"0x", 0, "x", false}, {"0xg", 0, "xg", false}, {"20MB", 20 << 20, "B", false},
		{"1.5G", 1, ".5G", false}, {"16E", 0, "", true}, {"15e", 15 << 60, "", false}, {"M", 0, "", false},
		{"18446744073709551615", math.MaxUint64, "", false}, {"18446744073709551616", 0, "", true}, {"0xfe", 0xfe, "", false},
	} {
		value, rest, overflow := memparse([]byte(tt.text))
		if value != tt.value || string(rest) != tt.rest || overflow != tt.overflow {
			t.Errorf("memparse(%q) = %d, %q, %v; want %d, %q, %v", tt.text, value, rest, overflow, tt.value, tt.rest, tt.overflow)
		}
	}
}

func TestCheckKernelSize(t *testing.T) {
	for _, text := range []string{"20M", "20m\n", " 20971520 ", "010M", "0x10M", "-1", "0", "00", "0K", "9223372036854775807", "18446744073709551615", "15E"} {
		if err := CheckKernelSize([]byte(text), true); err != nil {
			t.Errorf("CheckKernelSize(%q) = %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"": "reads as 0", "M": "reads as 0", "16E": "wrap", "-2": "write -1", "20X": `"X"`, "1.5G": "write 1536M",
		"20MB": "write 20M", "20 M": "write 20M", "max": "write -1", "20M 30M": "follows", "20M\x00": "NUL", "100": "less than one page",
		"18446744073709551616": "wrap", "50%": "follows", "x": "not a size",
	} {
		if err := CheckKernelSize([]byte(text), true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckKernelSize(%q) = %v, want a refusal with %q", text, err, want)
		}
	}
	if err := CheckKernelSize([]byte("100"), false); err != nil {
		t.Errorf("100 to a file that is no limit: %v", err)
	}
}

func FuzzParseSize(f *testing.F) {
	for _, tt := range sizeTexts {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSize(text, hundredMiB)
		var r *Refusal
		if err != nil {
			if !errors.As(err, &r) || r.Reason == "" || r.Try == "" || strings.ContainsAny(err.Error(), "\n\x00") {
				t.Fatalf("%q: %v is not a whole sentence", text, err)
			}
			return
		}
		if s != s.RoundDown() || s > Max {
			t.Fatalf("%q: %d is not in whole pages", text, s)
		}
		if again, err := ParseSize([]byte(s.String()), nil); err != nil || again != s {
			t.Fatalf("%q: %d prints as %s and is read as %d, %v", text, s, s, again, err)
		}
	})
}

func FuzzMemparse(f *testing.F) {
	for _, tt := range sizeTexts {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if CheckKernelSize(text, true) != nil {
			return
		}
		s := strings.ToLower(strings.Trim(string(text), blanks))
		if s == "-1" {
			return
		}
		// What is let through means the number that stands there.
		shift := uint(0)
		if i := strings.IndexByte("kmgtpe", s[len(s)-1]); i >= 0 && !strings.HasPrefix(s, "0x") || i >= 0 && s[len(s)-1] != 'e' {
			shift, s = uint(10*(i+1)), s[:len(s)-1]
		}
		want, ok := new(big.Int).SetString(s, 0)
		got, rest, overflow := memparse([]byte(strings.Trim(string(text), blanks)))
		if !ok || len(rest) > 0 || overflow || want.Lsh(want, shift).Cmp(new(big.Int).SetUint64(got)) != 0 {
			t.Fatalf("%q is let through as %d", text, got)
		}
	})
}

func TestKstrtoint(t *testing.T) {
	for text, want := range map[string]int{"12": 12, "+12": 12, "-3": -3, "010": 8, "0": 0, "0x1F": 31, "0X1f": 31, "-0": 0, "2147483647": math.MaxInt32} {
		if got, err := kstrtoint([]byte(text)); err != nil || got != want {
			t.Errorf("kstrtoint(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "+", "-", "+-0", "--1", "0x", "0x_1f", "1_0", "0b1", "0o7", "08", " 1", "1 2", "\u00a012", "2147483648", "abc", "0x-1"} {
		if got, err := kstrtoint([]byte(text)); err == nil {
			t.Errorf("kstrtoint(%q) = %d", text, got)
		}
	}
}
