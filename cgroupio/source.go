package cgroupio

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// fileIDKernfs is FILEID_KERNFS: a file handle of this type is the 64-bit
// number of a kernfs node (include/linux/exportfs.h, since Linux 4.14).
const fileIDKernfs = 0xfe

// Source is the kernel's tree, or a subtree of it, that groups are found in.
// It is safe for concurrent use.
type Source struct {
	path     string
	root     int // O_RDONLY: open_by_handle_at refuses an O_PATH descriptor
	rootIno  uint64
	dev      uint64
	proc     *procfs
	layout   layout
	byHandle bool
	mirror   atomic.Uint64
}

// OpenSource opens the cgroup directory at path. It fails with a sentence when
// path is not a group of a memory hierarchy.
func OpenSource(path string) (*Source, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	root, err := openRetry(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("open source %s: %w", path, err)
	}
	s := &Source{path: path, root: root}
	if err := s.probe(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Source) probe() error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(s.root, &fs); err != nil {
		return fmt.Errorf("statfs %s: %w", s.path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(s.root, &st); err != nil {
		return fmt.Errorf("stat %s: %w", s.path, err)
	}
	s.rootIno, s.dev = st.Ino, uint64(st.Dev)
	switch {
	case fs.Type == unix.CGROUP_SUPER_MAGIC && exists(s.root, v1{}.file(Usage)):
		s.layout = v1{}
	case fs.Type == unix.CGROUP2_SUPER_MAGIC:
		return fmt.Errorf("%s is a cgroup v2 tree, which this version does not serve: %w", s.path, unix.EOPNOTSUPP)
	default:
		return fmt.Errorf("%s is not a group of a memory cgroup hierarchy: %w", s.path, unix.ENODEV)
	}
	var err error
	if s.proc, err = openProcfs(); err != nil {
		return err
	}
	fd, err := s.openHandle(s.rootIno)
	if s.byHandle = err == nil; s.byHandle {
		unix.Close(fd)
	}
	return nil
}

// Close gives the source's descriptors back.
func (s *Source) Close() error {
	if s.proc != nil {
		s.proc.close()
	}
	return unix.Close(s.root)
}

// Path is where the source is, absolute.
func (s *Source) Path() string { return s.path }

// RootIno is the number of the source's own group.
func (s *Source) RootIno() uint64 { return s.rootIno }

// MirroredOn says that the file system with the device number dev shows the
// source with the source's own inode numbers: an open file there stands for
// the control file of that number.
func (s *Source) MirroredOn(dev uint64) { s.mirror.Store(dev) }

// Step is a group on the way from the source to another: the name that it had
// when it was last seen, and its kernfs number.
type Step struct {
	Name string
	Ino  uint64
}

// Group opens the group with the kernfs number ino. That number is never used
// again on a 64-bit kernel, so a group made anew under an old name is another
// one. path gives the way to it from the source, the group itself last; it is
// asked only where the kernel cannot find a group by its number (before Linux
// 4.14, or without CAP_DAC_READ_SEARCH). ESTALE says that there is no such
// group any more.
func (s *Source) Group(ino uint64, path func() []Step) (*Group, error) {
	var fd int
	var err error
	if s.byHandle {
		fd, err = s.openHandle(ino)
	} else {
		fd, err = s.openPath(ino, path())
	}
	if err != nil {
		return nil, fmt.Errorf("open group %d of %s: %w", ino, s.path, err)
	}
	g := &Group{src: s, fd: fd, ino: ino}
	if s.byHandle && g.Removed() {
		// Linux 5.10 and 6.1 find a removed group by its number as long
		// as anybody has a file of it open.
		g.Close()
		return nil, fmt.Errorf("open group %d of %s: %w", ino, s.path, unix.ESTALE)
	}
	return g, nil
}

func (s *Source) openHandle(ino uint64) (int, error) {
	h := unix.NewFileHandle(fileIDKernfs, binary.NativeEndian.AppendUint64(nil, ino))
	for {
		fd, err := unix.OpenByHandleAt(s.root, h, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// openPath walks to the group one name at a time, so that neither a symbolic
// link nor .. leads out of the source. A group that has another name by now is
// in the same parent: the kernel renames no other way.
func (s *Source) openPath(ino uint64, path []Step) (int, error) {
	fd, err := openRetry(s.root, ".", unix.O_PATH|unix.O_DIRECTORY)
	at := s.rootIno
	for _, step := range path {
		if err != nil {
			return -1, err
		}
		var next int
		next, err = openChild(fd, step.Name, step.Ino)
		if err == unix.ESTALE {
			next, err = openChild(fd, nameOf(fd, step.Ino), step.Ino)
		}
		unix.Close(fd)
		fd, at = next, step.Ino
	}
	if err == nil && at != ino {
		unix.Close(fd)
		err = unix.ESTALE
	}
	return fd, err
}

// openChild opens the group name below dir; ESTALE says that it is not there,
// or has not the number ino.
func openChild(dir int, name string, ino uint64) (int, error) {
	var st unix.Stat_t
	fd, err := openRetry(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err == nil {
		if err = unix.Fstat(fd, &st); err == nil && st.Ino == ino {
			return fd, nil
		}
		unix.Close(fd)
	}
	if err == nil || err == unix.ENOENT || err == unix.ENOTDIR {
		err = unix.ESTALE
	}
	return -1, err
}

// nameOf looks for the number ino in the directory, "" if it is not there.
func nameOf(dir int, ino uint64) string {
	fd, err := openRetry(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return ""
	}
	list := os.NewFile(uintptr(fd), "")
	defer list.Close()
	entries, _ := list.ReadDir(-1)
	for _, e := range entries {
		var st unix.Stat_t
		if e.IsDir() && unix.Fstatat(fd, e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Ino == ino {
			return e.Name()
		}
	}
	return ""
}

// openRetry is openat(2) with close-on-exec, started again when a signal of
// the Go runtime interrupts it.
func openRetry(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func exists(dir int, name string) bool {
	var st unix.Stat_t
	return name != "" && unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}
