package fsnode

import (
	"fmt"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// share keeps one user from taking all there is of something that the daemon
// needs to answer anybody. Root may have as much as there is.
type share struct {
	most  int           // for each user
	what  string        // in a sentence
	errno syscall.Errno // for one more

	mu   sync.Mutex
	held map[uint32]int
}

// take counts one more for the user; errno, and the reason, when he has his
// share.
func (s *share) take(uid uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if uid != 0 && s.held[uid] >= s.most {
		return &cgroupio.Refusal{
			Errno: s.errno, Reason: fmt.Sprintf("this user has %d %s, which is his share", s.most, s.what),
			Try: "end some of them",
		}
	}
	if s.held == nil {
		s.held = make(map[uint32]int)
	}
	s.held[uid]++
	return nil
}

func (s *share) giveBack(uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[uid]--; s.held[uid] == 0 {
		delete(s.held, uid)
	}
}

// openFiles is for handles: each takes up to two descriptors, and three users
// leave a quarter to the others.
func openFiles() share {
	most := 128
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		most = int(min(limit.Cur, 1<<30) / 8)
	}
	return share{most: most, what: "files of the mount open", errno: unix.ENFILE}
}

// writesUnderWay is for writes, each of which has a thread for as long as the
// kernel takes; the Go runtime ends a program that has 10000.
func writesUnderWay() share {
	return share{most: 256, what: "writes under way", errno: unix.EAGAIN}
}
