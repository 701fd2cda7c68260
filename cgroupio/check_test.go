package cgroupio

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzWrite writes any text to each control file whose writes are looked at. What
// is let through is what stands there, in a form in which the kernel reads the
// same; what is not is a refusal with a reason in one line.
func FuzzWrite(f *testing.F) {
	p, err := openProcfs()
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"0", "1", "+5\n", "-0", "0x10", "010", "0x_1", "4194304", " 12 ", "12 13", "99999999999999999999", "\x00",
		"20M", "16E", "-1", "max", "1.5G", "", "\n", "3 4", "3 4 5M", "999 998 low", "1 2 3 4", " ", "3  4", "-1 -1", strings.Repeat("7", 5000),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, entry := range checks {
			name := strings.ReplaceAll(entry.name, "*", "memory.")
			w := &write{
				caller: &Caller{Tid: os.Getpid(), proc: p},
				file:   &ControlFile{src: &Source{}, name: name, mode: 0o644},
				group:  func() (*Group, error) { return nil, unix.ESTALE },
				text:   text,
			}
			passed, anyone, err := w.check()
			for _, fd := range w.kept {
				if fd <= 2 {
					t.Fatalf("%s %q: descriptor %d is kept", name, text, fd)
				}
			}
			w.close()
			var r *Refusal
			switch {
			case errors.As(err, &r):
				if r.Errno == 0 || r.Reason == "" || r.Try == "" || strings.ContainsAny(err.Error(), "\n\x00") {
					t.Fatalf("%s %q: %v is not a whole sentence", name, text, err)
				}
			case err != nil:
				t.Fatalf("%s %q: %v is no refusal", name, text, err)
			case listsTasks(name):
				if n, err := strconv.Atoi(string(passed)); err != nil || n <= 0 || anyone {
					t.Fatalf("%s %q is passed on as %q", name, text, passed)
				}
			case entry.anyone && string(passed) != string(text):
				t.Fatalf("%s %q is passed on as %q", name, text, passed)
			}
		}
	})
}
