package cgroupio

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// cgroup.event_control (v1, Documentation/admin-guide/cgroup-v1/memcg.rst)
// takes "EVENTFD CONTROL [ARGUMENTS]": the numbers are descriptors of the
// writer, an eventfd and an open control file of the same group. The kernel
// would look them up among the daemon's, so the daemon takes a copy of the
// eventfd, opens the control file itself, and writes the numbers that it has.
// What is registered lives as long as the writer keeps his eventfd.

// passEvent is the check of what is written to cgroup.event_control.
func passEvent(w *write) ([]byte, error) {
	event, control, arguments, err := parseEvent(w.text)
	if err != nil {
		return nil, err
	}
	files, err := w.caller.openFiles()
	if err != nil {
		return nil, &Refusal{
			Value: quote(w.text), Errno: unix.EOPNOTSUPP,
			Reason: "the numbers name open files of the writer, which memcgfs cannot get hold of here: " + err.Error(),
			Try:    "register the event on the kernel's own tree; through memcgfs it takes Linux 5.6",
		}
	}
	defer unix.Close(files)
	ours, err := w.eventFile(files, event)
	if err != nil {
		return nil, err
	}
	file, err := w.controlFile(control)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%d %d %s", ours, file, arguments), nil
}

// Open files of users can be anything: closing a copy of one can take for ever,
// as for a file of a FUSE that does not answer, and so can asking it anything.
// So only an eventfd is ever copied, and of other files only what the kernel
// knows by itself is looked at.

const eventLink = "anon_inode:[eventfd]" // what /proc/PID/fd shows of one

// eventFile gives a copy of the writer's eventfd number fd.
func (w *write) eventFile(files, fd int) (int, error) {
	link := make([]byte, len(eventLink)+1)
	n, err := unix.Readlinkat(w.caller.proc.fd, w.caller.fdPath("fd", fd), link)
	if err != nil {
		return -1, w.badFile(fd, unix.EBADF)
	}
	if string(link[:n]) != eventLink {
		return -1, w.badFile(fd, unix.EINVAL)
	}
	ours, err := unix.PidfdGetfd(files, fd, 0)
	if err != nil {
		return -1, w.badFile(fd, err)
	}
	if n, err := unix.Readlink(procPath(ours, ""), link); err != nil || string(link[:n]) != eventLink {
		closeAside(ours) // exchanged for another in between
		return -1, w.badFile(fd, unix.EINVAL)
	}
	w.keep(ours)
	return ours, nil
}

func (w *write) badFile(fd int, err error) error {
	return refuse(w.text, err, fmt.Sprintf("the writer has no open file %d that can be used", fd),
		"write the numbers of an eventfd and of an open control file of the same group")
}

// asides are the closes that may never end: a few are borne, and after those
// the descriptor is left open.
var asides = make(chan struct{}, 8)

func closeAside(fd int) {
	select {
	case asides <- struct{}{}:
		go func() {
			unix.Close(fd)
			<-asides
		}()
	default:
	}
}

// fdPath names something about the caller's open file number fd, below /proc.
func (c *Caller) fdPath(dir string, fd int) string {
	return strconv.Itoa(c.Tid) + "/" + dir + "/" + strconv.Itoa(fd)
}

// parseEvent reads the text as the kernel does.
func parseEvent(text []byte) (event, control int, arguments []byte, err error) {
	first, rest, _ := bytes.Cut(bytes.TrimSpace(text), []byte(" "))
	second, arguments, _ := bytes.Cut(rest, []byte(" "))
	event, err1 := strconv.Atoi(string(first))
	control, err2 := strconv.Atoi(string(second))
	if err1 != nil || err2 != nil || event < 0 || control < 0 {
		return 0, 0, nil, &Refusal{
			Value: quote(text), Errno: unix.EINVAL, Reason: "not the numbers of two open files",
			Try: "write those of an eventfd and of an open control file of the same group, then what the control file takes",
		}
	}
	return event, control, arguments, nil
}

// controlFile gives a descriptor of the control file that the writer has open as
// number fd, on the source or on its mirror. The kernel asks whether the writer
// may read that file, so it is opened as him.
func (w *write) controlFile(fd int) (int, error) {
	proc := w.caller.proc
	if flags, err := proc.openFlags(w.caller.fdPath("fdinfo", fd)); err != nil || flags&unix.O_PATH != 0 {
		return -1, w.badFile(fd, unix.EBADF) // not open at all, for the kernel
	}
	var st unix.Statx_t
	// Attributes that are there already: nobody is asked for them, be it the
	// daemon itself or a FUSE of the user's.
	if err := unix.Statx(proc.fd, w.caller.fdPath("fd", fd), unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st); err != nil {
		return -1, w.badFile(fd, err)
	}
	if dev := unix.Mkdev(st.Dev_major, st.Dev_minor); dev != w.file.src.mirror.Load() && dev != w.file.src.dev {
		return -1, w.badFile(fd, unix.EINVAL)
	}
	g, err := w.group()
	if err != nil {
		return -1, err
	}
	defer g.Close()
	// The caller may watch a file in a group that he may not list.
	name := g.nameOf(st.Ino)
	if name == "" {
		return -1, &Refusal{
			Value: quote(w.text), Errno: unix.EINVAL, Reason: "the second file is none of this group's control files",
			Try: "open one in the directory of this cgroup.event_control, such as memory.oom_control",
		}
	}
	control := -1
	err = g.As(w.caller, func(g *Group) error {
		control, err = g.open(name, unix.O_RDONLY)
		return err
	})
	if err == nil {
		w.keep(control)
	}
	return control, err
}

// openFlags are the flags of an open file, from /proc/PID/fdinfo.
func (p *procfs) openFlags(path string) (flags uint64, err error) {
	err = p.read(path, func(b []byte) error {
		for line := range bytes.Lines(b) {
			if value, ok := bytes.CutPrefix(line, []byte("flags:")); ok {
				flags, err = strconv.ParseUint(string(bytes.TrimSpace(value)), 8, 64)
				return err
			}
		}
		return unix.EIO
	})
	return flags, err
}

// nameOf finds the control file with the kernfs number ino, "" if the group has
// none.
func (g *Group) nameOf(ino uint64) string {
	fd, err := g.OpenDir()
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	for _, name := range entryNames(fd) {
		if st, err := g.Lookup(name); err == nil && st.Ino == ino && st.Mode&unix.S_IFMT == unix.S_IFREG {
			return name
		}
	}
	return ""
}

// openFiles gives a pidfd of the calling thread, or of its process where all
// its threads have the same open files (Linux 5.6; of a thread, 6.9).
func (c *Caller) openFiles() (int, error) {
	if c.Tid == 0 {
		return -1, errors.New("the writer is in a pid namespace that memcgfs cannot see")
	}
	fd, err := unix.PidfdOpen(c.Tid, unix.PIDFD_THREAD)
	if !errors.Is(err, unix.EINVAL) {
		return fd, err
	}
	st, err := c.proc.status(c.Tid)
	if err != nil {
		return -1, err
	}
	const kcmpFiles = 2 // KCMP_FILES, include/uapi/linux/kcmp.h
	if st.tgid != c.Tid {
		differ, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(c.Tid), uintptr(st.tgid), kcmpFiles, 0, 0, 0)
		if errno != 0 || differ != 0 {
			return -1, errors.New("the writing thread may have open files of its own")
		}
	}
	return unix.PidfdOpen(st.tgid, 0)
}
