package cgroupio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// ControlFile is an open control file. The kernel decided at its opening what
// may be done with it, and goes on to ask who opened it (cgroup.procs and
// tasks from Linux 5.16, release_agent).
type ControlFile struct {
	src  *Source
	name string
	fd   int
	mode uint32 // when it was opened

	mu   sync.Mutex
	pids []byte // a list of tasks, as it was made for a reader elsewhere
}

// Open opens the control file name with the access mode, O_TRUNC, O_APPEND and
// O_NONBLOCK of flags. ino is the kernfs number it must have: ESTALE says that
// another file has taken its place.
func (g *Group) Open(name string, ino uint64, flags int) (*ControlFile, error) {
	const keep = unix.O_ACCMODE | unix.O_TRUNC | unix.O_APPEND | unix.O_NONBLOCK | unix.O_DIRECT | unix.O_NOATIME
	fd, err := g.open(name, flags&keep)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Ino != ino {
		err = unix.ESTALE
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &ControlFile{src: g.src, name: name, fd: fd, mode: st.Mode}, nil
}

// open opens a control file with the caller's rights.
func (g *Group) open(name string, flags int) (fd int, err error) {
	if g.caller == nil || g.caller.creds().userNS == nil {
		return openRetry(g.fd, name, flags|unix.O_NOFOLLOW)
	}
	err = g.on(name, func(path string) error {
		fd, err = openRetry(unix.AT_FDCWD, path, flags)
		return err
	})
	return fd, err
}

// Close gives the descriptor back.
func (f *ControlFile) Close() error { return unix.Close(f.fd) }

// Fd is the descriptor.
func (f *ControlFile) Fd() int { return f.fd }

// Stat is fstat(2), which still answers for a removed group.
func (f *ControlFile) Stat() (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstat(f.fd, &st)
	return st, err
}

// Truncate is ftruncate(2).
func (f *ControlFile) Truncate(size int64) error { return unix.Ftruncate(f.fd, size) }

// Seek is lseek(2) for data or a hole; everything else here is done at offsets.
func (f *ControlFile) Seek(off int64, whence int) (int64, error) {
	return unix.Seek(f.fd, off, whence)
}

// ReadAt is pread(2) for the thread that caller finds: at most one call, as
// short as the kernel makes it. A list of tasks is in the numbers of that
// thread's pid namespace; it is made at offset 0.
func (f *ControlFile) ReadAt(ctx context.Context, caller func() *Caller, dest []byte, off int64) (int, error) {
	if listsTasks(f.name) {
		if c := caller(); c.creds().foreignPID {
			return f.readTasks(c, dest, off)
		}
	}
	return interruptible(ctx, func() (int, error) { return unix.Pread(f.fd, dest, off) })
}

func (f *ControlFile) readTasks(c *Caller, dest []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off == 0 || f.pids == nil {
		text, err := io.ReadAll(&reader{fd: f.fd})
		if err != nil {
			return 0, err
		}
		if f.pids, err = c.proc.pidsForCaller(c, text); err != nil {
			return 0, err
		}
	}
	return copy(dest, f.pids[min(off, int64(len(f.pids))):]), nil
}

// WriteAt checks data and passes it to the kernel in one write, with c's
// credentials where the kernel may look at them. Either the kernel takes it as a whole or nothing changes. group
// opens the group that the file is in.
func (f *ControlFile) WriteAt(ctx context.Context, c *Caller, group func() (*Group, error), data []byte, off int64) (int, error) {
	w := &write{caller: c, file: f, group: group, text: data}
	defer w.close()
	text, anyone, err := w.check()
	if err != nil {
		return 0, err
	}
	pass := func() error {
		_, err := interruptible(ctx, func() (int, error) { return unix.Pwrite(f.fd, text, off) })
		return err
	}
	if anyone {
		err = pass()
	} else {
		err = c.As(pass)
	}
	if err != nil {
		return 0, err
	}
	return len(data), nil
}

// TextSize is how many bytes the control file name reads as at the moment.
func (g *Group) TextSize(name string) (int, error) {
	text, err := g.read(name)
	return len(text), err
}

// read gives the whole text of a control file.
func (g *Group) read(name string) ([]byte, error) {
	fd, err := g.open(name, unix.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer unix.Close(fd)
	text, err := io.ReadAll(&reader{fd: fd})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return text, nil
}

// write is one write of text to a control file.
func (g *Group) write(ctx context.Context, name, text string) error {
	fd, err := g.open(name, unix.O_WRONLY)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer unix.Close(fd)
	_, err = interruptible(ctx, func() (int, error) { return unix.Write(fd, []byte(text)) })
	if err != nil {
		return fmt.Errorf("write %q to %s: %w", text, name, err)
	}
	return nil
}

// reader reads a descriptor from its beginning, unlike os.File without making
// it non-blocking, and without moving it.
type reader struct {
	fd  int
	off int64
}

func (r *reader) Read(b []byte) (int, error) {
	for {
		n, err := unix.Pread(r.fd, b, r.off)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		default:
			r.off += int64(n)
			return n, nil
		}
	}
}
