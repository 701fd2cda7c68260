package fsnode_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// become changes the calling thread's credentials alone, which is what the
// functions of package syscall do not do.
func become(uid, gid uint32, groups []uint32) error {
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups)))},
		{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
		{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
	} {
		if _, _, e := unix.RawSyscall(call[0], call[1], call[2], call[3]); e != 0 {
			return e
		}
	}
	return nil
}

// actor is a thread with the credentials of one user.
type actor struct {
	uid  uint32
	work chan func()
}

func newActor(t *testing.T, uid, gid uint32, groups []uint32) *actor {
	a := &actor{uid: uid, work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this
		ready <- become(uid, gid, groups)
		for f := range a.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(a.work) })
	return a
}

func (a *actor) do(f func()) {
	done := make(chan struct{})
	a.work <- func() { f(); close(done) }
	<-done
}

// result is how a call ended: the errno's name, or ok and what it gave.
func result(err error, extra ...any) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return strings.TrimSpace("ok " + fmt.Sprint(extra...))
}
