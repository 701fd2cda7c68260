package fsnode

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// share keeps one user from taking all the daemon's descriptors by holding
// files open, after which it could answer nobody. Root may have as many as
// there are.
type share struct {
	most int // for each user

	mu   sync.Mutex
	held map[uint32]int
}

// take counts one more open file of the user; ENFILE, and the reason, when he
// has his share.
func (s *share) take(uid uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if uid != 0 && s.held[uid] >= s.most {
		return &cgroupio.Refusal{
			Errno: unix.ENFILE, Reason: fmt.Sprintf("this user has %d files of the mount open, which is his share", s.most),
			Try: "close some",
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

// descriptorsShare is how many files one user may have open: each takes up to
// two descriptors, and three users leave a quarter to the others.
func descriptorsShare() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 128
	}
	return int(min(limit.Cur, 1<<30) / 8)
}
