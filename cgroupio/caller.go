package cgroupio

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Caller is the task that made a request, with the credentials it had then.
type Caller struct {
	// Tid is the calling thread's number in the daemon's pid namespace, 0
	// when it cannot be seen from there.
	Tid int
	// Uid and Gid are the user and group that files are accessed as, in the
	// initial user namespace.
	Uid, Gid uint32

	// The rest is read when it is first asked for: half of the requests need
	// none of it, and it costs as much as a round trip to the kernel.
	proc  *procfs
	once  sync.Once
	known credentials
}

// credentials are what /proc tells of a task.
type credentials struct {
	euid, egid uint32
	groups     []uint32
	caps       uint64  // effective, in the daemon's user namespace
	userNS     *userNS // nil where that is the task's
	foreignPID bool    // its pid namespace is not the daemon's
	err        error   // why they could not be read, where the daemon is to blame
}

// Caller is the thread tid, whose request carries uid and gid. Until the
// request is answered the kernel keeps that thread waiting, so that its number
// cannot pass to another one; a Caller that is kept for longer must have been
// asked for its credentials by then, which [Caller.As] does.
func (s *Source) Caller(tid int, uid, gid uint32) *Caller {
	return &Caller{Tid: tid, Uid: uid, Gid: gid, proc: s.proc}
}

// creds gives the credentials, from /proc the first time.
//
// The user and group of the request are the kernel's word. Where /proc tells of
// others, or nothing, or the task works for others, it acts with borrowed
// credentials: it then has no supplementary groups and no capability here, which
// is less than it may have and never more.
func (c *Caller) creds() *credentials {
	c.once.Do(func() { c.known = c.readCreds() })
	return &c.known
}

func (c *Caller) readCreds() credentials {
	cr := credentials{euid: c.Uid, egid: c.Gid, foreignPID: true}
	if c.Tid == 0 {
		return cr
	}
	st, err := c.proc.status(c.Tid)
	if err != nil {
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) {
			cr.err = fmt.Errorf("read who the caller is: %w", err)
		}
		return cr
	}
	cr.foreignPID = len(st.pids) > 1
	if st.mayBeWorker && c.proc.isWorker(c.Tid) {
		return cr
	}
	// access(2) asks for the real ids, everything else for those of the file
	// system, which are the effective ones unless setfsuid(2) was called.
	const ruid, euid, fsuid = 0, 1, 3
	switch {
	case st.uid[fsuid] == c.Uid && st.gid[fsuid] == c.Gid:
		cr.euid, cr.egid, cr.caps = st.uid[euid], st.gid[euid], st.caps
	case st.uid[ruid] == c.Uid && st.gid[ruid] == c.Gid:
	default:
		return cr
	}
	cr.groups = st.groups
	if cr.caps != 0 {
		// Root of another user namespace has every capability, there.
		if ns, err := c.proc.namespace(c.Tid, "user"); err != nil || ns != c.proc.userNS {
			cr.userNS, _ = c.proc.userNamespace(c.Tid, cr.caps)
			cr.caps = 0
		}
	}
	return cr
}

// mayAccess is the kernel's generic_permission for mask on a file with st, for
// kernels that cannot be asked.
func (c *Caller) mayAccess(st *unix.Stat_t, mask uint32) error {
	cr := c.creds()
	bits := st.Mode & 7
	switch {
	case (cr.caps|cr.userNS.over(st))&(1<<unix.CAP_DAC_OVERRIDE) != 0:
		bits = unix.R_OK | unix.W_OK
		if st.Mode&0o111 != 0 || st.Mode&unix.S_IFMT == unix.S_IFDIR {
			bits |= unix.X_OK
		}
	case c.Uid == st.Uid:
		bits = st.Mode >> 6 & 7
	case c.Gid == st.Gid || slices.Contains(cr.groups, st.Gid):
		bits = st.Mode >> 3 & 7
	}
	if mask&^bits != 0 {
		return unix.EACCES
	}
	return nil
}

// daemon holds what a thread of this process has when it acts for nobody.
var daemon = sync.OnceValue(func() (d struct {
	uid, gid       uint32
	groups         []uint32
	caps           uint64
	canImpersonate bool
}) {
	d.uid, d.gid = uint32(os.Geteuid()), uint32(os.Getegid())
	groups, _ := unix.Getgroups()
	for _, g := range groups {
		d.groups = append(d.groups, uint32(g))
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) == nil {
		d.caps = uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
	}
	const need = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
	d.canImpersonate = d.uid == 0 && d.caps&need == need
	return d
})

// As runs fn with c's user, group, supplementary groups and capabilities, and
// no other capability, and gives the thread the daemon's own back. fn must not
// start goroutines that count on them.
//
// When the thread cannot be restored it stays locked to this goroutine, and
// the next As on it starts by restoring it: nothing else ever runs there.
func (c *Caller) As(fn func() error) error {
	d, cr := daemon(), c.creds()
	if cr.err != nil {
		return cr.err
	}
	if c.Uid == d.uid && c.Gid == d.gid && cr.euid == d.uid && cr.egid == d.gid &&
		cr.caps&d.caps == d.caps && slices.Equal(cr.groups, d.groups) {
		return fn()
	}
	if !d.canImpersonate {
		return fmt.Errorf("act as user %d: the daemon cannot change its credentials: %w", c.Uid, unix.EPERM)
	}
	runtime.LockOSThread()
	err := c.assume()
	if err == nil {
		err = fn()
	} else {
		err = fmt.Errorf("act as user %d: %w", c.Uid, err)
	}
	if rerr := restore(); rerr != nil {
		if err == nil {
			err = fmt.Errorf("give up user %d: %w", c.Uid, rerr)
		}
		return err
	}
	runtime.UnlockOSThread()
	return err
}

const unchanged = ^uintptr(0)

// assume takes the credentials on. The real and saved user stay the daemon's:
// they are the way back, and they keep the caller from signalling the thread.
// The effective user is changed as well as that of the file system, as the
// kernel compares it when a process is moved (cgroup1_procs_write).
func (c *Caller) assume() error {
	cr := c.creds()
	if err := restore(); err != nil {
		return err
	}
	if err := setgroups(cr.groups); err != nil {
		return err
	}
	if err := rawCall(unix.SYS_SETRESGID, unchanged, uintptr(cr.egid), unchanged); err != nil {
		return err
	}
	if err := rawCall(unix.SYS_SETRESUID, unchanged, uintptr(cr.euid), unchanged); err != nil {
		return err
	}
	if c.Uid != cr.euid || c.Gid != cr.egid {
		// With other effective ids setfsuid needs the capability.
		if err := setcaps(daemon().caps); err != nil {
			return err
		}
		// These report no error: they return the previous id.
		unix.RawSyscall(unix.SYS_SETFSGID, uintptr(c.Gid), 0, 0)
		unix.RawSyscall(unix.SYS_SETFSUID, uintptr(c.Uid), 0, 0)
		if uid, _, _ := unix.RawSyscall(unix.SYS_SETFSUID, unchanged, 0, 0); uint32(uid) != c.Uid {
			return unix.EPERM
		}
	}
	return setcaps(cr.caps & daemon().caps)
}

func restore() error {
	d := daemon()
	if err := rawCall(unix.SYS_SETRESUID, unchanged, uintptr(d.uid), unchanged); err != nil {
		return err
	}
	if err := setcaps(d.caps); err != nil {
		return err
	}
	if err := rawCall(unix.SYS_SETRESGID, unchanged, uintptr(d.gid), unchanged); err != nil {
		return err
	}
	return setgroups(d.groups)
}

// The syscall package changes the credentials of every thread; these change
// the calling thread's alone.

func rawCall(nr, a, b, c uintptr) error {
	if _, _, e := unix.RawSyscall(nr, a, b, c); e != 0 {
		return e
	}
	return nil
}

func setgroups(groups []uint32) error {
	return rawCall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0)
}

func setcaps(effective uint64) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	permitted := daemon().caps
	data := [2]unix.CapUserData{
		{Effective: uint32(effective), Permitted: uint32(permitted)},
		{Effective: uint32(effective >> 32), Permitted: uint32(permitted >> 32)},
	}
	return rawCall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&hdr)), uintptr(unsafe.Pointer(&data[0])), 0)
}
