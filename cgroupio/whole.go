package cgroupio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A change of several control files is put back as a whole when one of them
// fails. Against the end of the daemon in between, the group carries a mark
// meanwhile, with what was there before: the next start finds it and puts that
// back. The mark is an extended attribute, as these go when the group goes and
// trusted ones are root's alone.
const mark = "trusted.memcgfs.change"

// asWhole runs change, which restores what was there when it fails; plan is what
// layout.restore takes.
func (g *Group) asWhole(plan string, change func() error) error {
	text := []byte(g.src.proc.incarnation(os.Getpid()) + " " + plan)
	// Where attributes cannot be had the change is made all the same: it
	// takes a kernel without them and a crash for half of it to be left. The
	// mark of another daemon is its own.
	marked := asDaemon(func() error {
		return unix.Setxattr(procPath(g.fd, ""), mark, text, unix.XATTR_CREATE)
	}) == nil
	err := change()
	if marked {
		_ = asDaemon(func() error { return unix.Removexattr(procPath(g.fd, ""), mark) })
	}
	return err
}

// asDaemon runs fn with the daemon's credentials: on another thread, as this
// one may act for a caller.
func asDaemon(fn func() error) error {
	done := make(chan error)
	go func() { done <- fn() }()
	return <-done
}

// Repair puts back what a daemon that died in the middle of a change has left
// in a group of the source, and reports each such group with what was done.
func (s *Source) Repair(report func(path, did string, err error)) {
	// A daemon that was killed may take its time to end, and finish a write.
	until := time.Now().Add(2 * time.Second)
	_ = filepath.WalkDir(s.path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // it went meanwhile
		}
		if did, err := s.repair(path, until); did != "" || err != nil {
			report(path, did, err)
		}
		return nil
	})
}

func (s *Source) repair(path string, until time.Time) (did string, err error) {
	fd, err := openRetry(unix.AT_FDCWD, path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return "", nil
	}
	g := &Group{src: s, fd: fd}
	defer g.Close()
	text := make([]byte, 256)
	for {
		n, err := unix.Getxattr(procPath(fd, ""), mark, text)
		switch {
		case errors.Is(err, unix.ERANGE):
			n = 0 // not one of ours
		case err != nil:
			return "", nil
		}
		who, plan, _ := strings.Cut(string(text[:n]), " ")
		if !s.proc.isRunning(who) {
			did, err = s.layout.restore(context.Background(), g, plan)
			// It has done what it can, now or never.
			return did, errors.Join(err, unix.Removexattr(procPath(fd, ""), mark))
		}
		if time.Now().After(until) {
			return "left as it is, as its daemon may still be running (" + who + ")", nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// incarnation names a process so that no later one is taken for it: its
// namespace, its number there, and when it started. It is "" for one that has
// ended, with all its threads.
func (p *procfs) incarnation(pid int) string {
	ns, err := p.namespace(pid, "pid")
	if err != nil {
		return ""
	}
	state, err := p.stat(pid, 3)
	if err != nil {
		return ""
	}
	threads, _ := p.stat(pid, 20)
	started, _ := p.stat(pid, 22)
	if state == "Z" && threads == "1" {
		return ""
	}
	return fmt.Sprintf("%d:%d:%s", ns, pid, started)
}

// isRunning says that the process of an incarnation has not ended, as far as
// can be seen: one in another pid namespace is taken to run.
func (p *procfs) isRunning(incarnation string) bool {
	var ns uint64
	var pid int
	if _, err := fmt.Sscanf(incarnation, "%d:%d:", &ns, &pid); err != nil {
		return false
	}
	if own, err := p.namespace(os.Getpid(), "pid"); err != nil || own != ns {
		return true
	}
	return p.incarnation(pid) == incarnation
}
