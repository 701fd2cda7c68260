package main

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// operation is something that is measured. It makes the system calls itself:
// os.File would set O_NONBLOCK on a control file.
type operation struct {
	name string
	file string
	// raw is the file that the operation is done on where file is none of
	// the kernel's.
	raw string
	// open, if not nil, is done before and not measured, and leaves fd open.
	open func(*target) error
	run  func(*target) error
	// check sees to it that the last run did what it was meant to, by the
	// kernel's own tree.
	check func(*target, *target) error
}

const limitFile = "memory.limit_in_bytes"

var operations = []operation{
	{name: "open, read, close", file: limitFile, run: readFile, check: sameText},
	{name: "pread, file open", file: limitFile, open: openFile, run: pread, check: sameText},
	{name: "stat", file: limitFile, run: stat, check: sameMode},
	{name: "echo >", file: limitFile, run: writeFile, check: sameLimit},
	{name: "read limit.human", file: "limit.human", raw: limitFile, run: readFile, check: anyText},
}

// target is a file that an operation is done on, with what came of it.
type target struct {
	path  string
	fd    int
	buf   [4096]byte
	n     int // bytes read
	st    unix.Stat_t
	wrote uint64
}

// system is one way to the scratch group.
type system struct{ dir string }

// target gives the file that op is done on; nil where there is none.
func (s *system) target(op *operation, kernel bool) *target {
	file := op.file
	if kernel && op.raw != "" {
		file = op.raw
	}
	t := &target{path: filepath.Join(s.dir, file), fd: -1}
	if unix.Access(t.path, unix.F_OK) != nil {
		return nil
	}
	return t
}

func openFile(t *target) (err error) {
	t.fd, err = unix.Open(t.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return err
}

func readFile(t *target) error {
	fd, err := unix.Open(t.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	t.n = 0
	for {
		n, err := unix.Read(fd, t.buf[t.n:])
		if err != nil || n == 0 {
			unix.Close(fd)
			return err
		}
		t.n += n
	}
}

func pread(t *target) (err error) {
	t.n, err = unix.Pread(t.fd, t.buf[:], 0)
	return err
}

func stat(t *target) error { return unix.Stat(t.path, &t.st) }

// writeFile is what a shell does for echo 20M >, with another limit each time.
func writeFile(t *target) error {
	t.wrote = t.wrote%100 + 1
	fd, err := unix.Open(t.path, unix.O_WRONLY|unix.O_TRUNC|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	text := fmt.Appendf(t.buf[:0], "%dM\n", t.wrote)
	// The kernel changes no limit while a signal is pending, and Go's
	// runtime sends itself some: as os.File does, again.
	for err = unix.EINTR; err == unix.EINTR; {
		_, err = unix.Write(fd, text)
	}
	unix.Close(fd)
	return err
}

func sameText(t, raw *target) error {
	if err := readFile(raw); err != nil {
		return err
	}
	if got, want := t.buf[:t.n], raw.buf[:raw.n]; string(got) != string(want) {
		return fmt.Errorf("reads %q, not %q", got, want)
	}
	return nil
}

func sameMode(t, raw *target) error {
	if err := stat(raw); err != nil {
		return err
	}
	if t.st.Mode != raw.st.Mode {
		return fmt.Errorf("has mode %o, not %o", t.st.Mode, raw.st.Mode)
	}
	return nil
}

func sameLimit(t, raw *target) error {
	wrote := t.wrote
	if err := readFile(raw); err != nil {
		return err
	}
	if got, want := string(raw.buf[:raw.n]), fmt.Sprintf("%d\n", wrote<<20); got != want {
		return fmt.Errorf("makes the limit %q, not %q", got, want)
	}
	return nil
}

func anyText(t, _ *target) error {
	if t.n == 0 {
		return fmt.Errorf("reads nothing")
	}
	return nil
}
