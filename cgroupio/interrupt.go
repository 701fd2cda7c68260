package cgroupio

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// aMoment is how long a system call may take before anybody watches over it;
// nearly all have returned by then.
const aMoment = 2 * time.Millisecond

// interruptible runs call, one system call that may block for seconds, so that
// the end of ctx reaches it as a signal does on the kernel's own tree: the
// call returns EINTR if nothing has happened yet.
func interruptible(ctx context.Context, call func() (int, error)) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := unix.Gettid()

	// mu keeps a signal from reaching the thread after the call.
	var mu sync.Mutex
	returned := make(chan struct{})
	signal := func() bool {
		mu.Lock()
		defer mu.Unlock()
		select {
		case <-returned:
			return false
		default:
		}
		// The Go runtime takes SIGURG for a request to preempt, which is
		// harmless; the kernel sees a pending signal.
		unix.Tgkill(unix.Getpid(), tid, unix.SIGURG)
		return true
	}
	watch := time.AfterFunc(aMoment, func() {
		select {
		case <-returned:
			return
		case <-ctx.Done():
		}
		// Again and again, as the first may come before the thread is
		// in the kernel.
		for signal() {
			time.Sleep(5 * time.Millisecond)
		}
	})
	defer watch.Stop()
	n, err := call()
	for err == unix.EINTR && ctx.Err() == nil {
		n, err = call() // a signal of the Go runtime's, which is not the caller's
	}
	mu.Lock()
	close(returned)
	mu.Unlock()
	return n, err
}
