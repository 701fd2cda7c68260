package cgroupio

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"
)

// groupLocks is a lock for each group. The zero value is ready.
type groupLocks struct {
	mu   sync.Mutex
	held map[uint64]*groupLock
}

type groupLock struct {
	turn  chan struct{} // holds one token while nobody has the lock
	users int           // who has it and who waits; under groupLocks.mu
}

// lock waits for the lock of the group ino, or with EINTR for the end of ctx.
func (l *groupLocks) lock(ctx context.Context, ino uint64) (unlock func(), err error) {
	l.mu.Lock()
	g := l.held[ino]
	if g == nil {
		if l.held == nil {
			l.held = make(map[uint64]*groupLock)
		}
		g = &groupLock{turn: make(chan struct{}, 1)}
		g.turn <- struct{}{}
		l.held[ino] = g
	}
	g.users++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if g.users--; g.users == 0 {
			delete(l.held, ino)
		}
	}
	select {
	case <-g.turn:
		return func() { g.turn <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, unix.EINTR
	}
}
