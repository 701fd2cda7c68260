package fsnode

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestShare(t *testing.T) {
	s := writesUnderWay()
	for range s.most {
		if err := s.take(1000); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.take(1000); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("one more than the share: %v", err)
	}
	for range s.most + 1 {
		if err := s.take(0); err != nil {
			t.Fatal("root:", err)
		}
	}
	if err := s.take(1001); err != nil {
		t.Errorf("another user: %v", err)
	}
	s.giveBack(1000)
	if err := s.take(1000); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
	for range s.most {
		s.giveBack(1000)
	}
	if _, held := s.held[1000]; held {
		t.Error("a user who has nothing is still counted")
	}
}
