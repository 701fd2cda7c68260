package differ

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// caller is a kind of caller: the credentials of a process.
type caller struct {
	name string
	room string // of the namespaces that it lives in, see rooms
	// Real, effective and file system user and group, in its user namespace.
	ruid, euid, fsuid uint32
	groups            []uint32
	// caps are the effective capabilities, nocaps those that it lacks of all
	// that its user would have.
	caps, nocaps uint64
	// behind says that it works on the kernel's tree on both sides: what it
	// does happens behind the mount's back.
	behind bool
}

const (
	dac     = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	fsCaps  = dac | 1<<unix.CAP_CHOWN | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID | 1<<unix.CAP_MKNOD
	ownerID = 12301
	otherID = 12302
)

var callers = []caller{
	{name: "root"},
	user("owner", "", ownerID),
	user("other", "", otherID, ownerID), // has the owner's group
	user("stranger", "", 12303),
	{name: "override", ruid: 12304, euid: 12304, fsuid: 12304, caps: 1 << unix.CAP_DAC_OVERRIDE},
	{name: "uncapped", nocaps: dac},
	{name: "chowner", nocaps: ^uint64(1<<unix.CAP_CHOWN | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID)},
	{name: "setuid", ruid: ownerID}, // a program that is root's with the set-user-ID bit
	{name: "fileserver", fsuid: ownerID, nocaps: fsCaps},
	{name: "nsroot", room: "user"},
	user("nsuser", "user", 1000),
	{name: "pidroot", room: "pid"},
	user("pidowner", "pid", ownerID),
	{name: "container", room: "user+pid"},
	{name: "behind", behind: true},
}

func user(name, room string, id uint32, groups ...uint32) caller {
	return caller{name: name, room: room, ruid: id, euid: id, fsuid: id, groups: groups}
}

func callerByName(name string) *caller {
	for i := range callers {
		if callers[i].name == name {
			return &callers[i]
		}
	}
	return nil
}

// become gives the calling thread alone the credentials, as a process does
// that drops to a user after it was started. Groups have the users' numbers.
func (c *caller) become() error {
	call := func(nr uintptr, args ...uintptr) error {
		args = append(args, 0, 0, 0)
		if _, _, e := unix.RawSyscall(nr, args[0], args[1], args[2]); e != 0 {
			return e
		}
		return nil
	}
	var caps [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	all := uint64(caps[1].Permitted)<<32 | uint64(caps[0].Permitted)
	want := all &^ c.nocaps
	if c.euid != 0 {
		want = c.caps
	}
	const keepcaps, on = unix.PR_SET_KEEPCAPS, 1
	for _, err := range []error{
		call(unix.SYS_SETGROUPS, uintptr(len(c.groups)), uintptr(unsafe.Pointer(unsafe.SliceData(c.groups)))),
		call(unix.SYS_PRCTL, keepcaps, on),
		call(unix.SYS_SETRESGID, uintptr(c.ruid), uintptr(c.euid), uintptr(c.euid)),
		call(unix.SYS_SETRESUID, uintptr(c.ruid), uintptr(c.euid), uintptr(c.euid)),
	} {
		if err != nil {
			return err
		}
	}
	if c.fsuid != c.euid {
		unix.RawSyscall(unix.SYS_SETFSGID, uintptr(c.fsuid), 0, 0)
		unix.RawSyscall(unix.SYS_SETFSUID, uintptr(c.fsuid), 0, 0)
	}
	for i := range caps {
		half := uint32(want >> (32 * i))
		caps[i] = unix.CapUserData{Effective: half, Permitted: half}
	}
	return call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&caps[0])))
}

// room is a set of namespaces.
type room struct {
	name string
	attr syscall.SysProcAttr
	// numbers says that it has a pid namespace, where the numbers must be
	// beyond the machine's own: one that was mistaken for the machine's
	// could be that of its first process.
	numbers bool
}

var mapping = []syscall.SysProcIDMap{{ContainerID: 0, HostID: nsRootID, Size: 65536}}

const nsRootID = 100000

var rooms = []room{
	{name: ""},
	{name: "user", attr: syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER, UidMappings: mapping, GidMappings: mapping,
		GidMappingsEnableSetgroups: true, Credential: &syscall.Credential{},
	}},
	{name: "pid", attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}, numbers: true},
	{name: "user+pid", attr: syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWPID, UidMappings: mapping, GidMappings: mapping,
		GidMappingsEnableSetgroups: true, Credential: &syscall.Credential{},
	}, numbers: true},
}

func roomByName(name string) *room {
	for i := range rooms {
		if rooms[i].name == name {
			return &rooms[i]
		}
	}
	return nil
}
