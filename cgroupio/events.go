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
	var ours [2]int
	for i, theirs := range []int{event, control} {
		fd, err := unix.PidfdGetfd(files, theirs, 0)
		if err != nil {
			return nil, refuse(w.text, err, fmt.Sprintf("the writer has no open file %d that can be used", theirs),
				"write the numbers of an eventfd and of an open control file of the same group")
		}
		w.keep(fd)
		ours[i] = fd
	}
	if ours[1], err = w.controlFile(ours[1]); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%d %d %s", ours[0], ours[1], arguments), nil
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

// controlFile gives a descriptor of the kernel's file for fd, which is open on
// a control file of the source or of its mirror. The kernel asks whether the
// writer may read that file, so it is opened as him.
func (w *write) controlFile(fd int) (int, error) {
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_PATH != 0 {
		return fd, err // not open at all, for the kernel
	}
	var st unix.Statx_t
	// Attributes that are there already: the daemon must not wait for itself.
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st)
	if err != nil || unix.Mkdev(st.Dev_major, st.Dev_minor) != w.file.src.mirror.Load() {
		return fd, err // the kernel's own, or nothing of a group's: it says which
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
