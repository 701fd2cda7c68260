package fsnode_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
	"memcgfs/internal/testmount"
)

var (
	seed  = flag.Uint64("seed", 1, "the first sequence that TestDifferential runs")
	steps = flag.Int("steps", 4000, "how many system calls TestDifferential makes on each side")
)

// TestDifferential makes the same system calls on a raw group and, through the
// mount, on a twin of it, as several users, and compares every result, every
// errno and what has come of it.
func TestDifferential(t *testing.T) {
	m := testmount.Start(t)
	raw, twin := testgroup.New(t), testgroup.New(t)
	// Without passthrough a control file has a size, for sendfile to read up to.
	size, err := os.Stat(filepath.Join(m.Dir, "memory.usage_in_bytes"))
	if err != nil {
		t.Fatal(err)
	}
	newSide := func(dir string) *side {
		return &side{dir: dir, sizes: size.Size() == 0, files: map[int]int{}, opened: map[int]string{}}
	}
	sides := [2]*side{newSide(raw), newSide(filepath.Join(m.Dir, filepath.Base(twin)))}
	users := []*actor{newActor(t, 0, 0, nil), newActor(t, 12301, 12301, nil), newActor(t, 12302, 12302, []uint32{12301})}
	const perSequence = 400
	if testing.Short() {
		*steps = min(*steps, 3*perSequence)
	}
	for s := *seed; s < *seed+uint64(*steps/perSequence); s++ {
		rng := rand.New(rand.NewPCG(s, 0))
		var history []string
		for range perSequence {
			op := randomOp(rng)
			user := users[rng.IntN(len(users))]
			var got [2]string
			for i, side := range sides {
				user.do(func() { got[i] = op.run(side) })
			}
			history = append(history, fmt.Sprintf("%d: %s = %s", user.uid, op.text, got[0]))
			if got[0] != got[1] && !known(sides[1], op, got) {
				t.Fatalf("sequence -seed %d:\n%s\nraw:     %s\nmounted: %s",
					s, strings.Join(last(history, 12), "\n"), got[0], got[1])
			}
		}
		for _, side := range sides {
			side.closeAll()
		}
		a, b := snapshot(t, raw), snapshot(t, twin)
		if a != b {
			t.Fatalf("sequence -seed %d ends differently:\nraw:\n%s\nmounted:\n%s", s, a, b)
		}
		reset(t, raw)
		reset(t, twin)
	}
}

// known are the pairs of errnos in docs/limits.md: of two reasons to refuse,
// the kernel finds that of the file's kind, or that there is none, before it
// asks memcgfs, and on its own tree that of the rights first.
func known(mounted *side, op operation, got [2]string) bool {
	if strings.HasPrefix(op.text, "setxattr") {
		// Only root may, whatever the path.
		return got == [2]string{"EACCES EACCES", "EPERM ENODATA"}
	}
	if got[0] != "EACCES" && got[0] != "EPERM" {
		return false
	}
	if path, ok := strings.CutPrefix(op.text, "stat "); ok && mounted.hasOpen(strings.TrimSuffix(path, " []")) {
		return true // stat(2) by path is answered as fstat(2) is
	}
	if strings.HasPrefix(op.text, "rename") {
		return !strings.HasPrefix(got[1], "ok")
	}
	return got[1] == "EISDIR" || got[1] == "ENOTDIR"
}

func last[T any](s []T, n int) []T { return s[max(0, len(s)-n):] }

// side is one of the twins, with what the sequence has open on it.
type side struct {
	dir    string
	sizes  bool           // the sizes of control files are compared
	files  map[int]int    // slot of the sequence to descriptor
	opened map[int]string // slot to the path that was opened
}

// hasOpen says that the sequence has the path open, by whatever user.
func (s *side) hasOpen(path string) bool {
	for _, p := range s.opened {
		if p == filepath.Join(s.dir, path) {
			return true
		}
	}
	return false
}

func (s *side) closeAll() {
	for slot, fd := range s.files {
		unix.Close(fd)
		delete(s.files, slot)
		delete(s.opened, slot)
	}
}

type operation struct {
	text string
	run  func(*side) string
}

func result(err error, extra ...any) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return strings.TrimSpace("ok " + fmt.Sprint(extra...))
}

var (
	groups = []string{"", "a", "b", "a/c", "b/d", "missing"}
	files  = []string{
		"memory.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.swappiness", "tasks",
		"memory.force_empty", "notify_on_release", "memory.usage_in_bytes", "none", "memory.stat",
		"cgroup.procs", "memory.oom_control",
	}
	// What memcgfs and the kernel agree on: the differences are in
	// docs/limits.md. No text is the number of a process, or 0, which is this
	// one: tasks and cgroup.procs are among the files.
	texts = []string{
		"20M", "-1", "0x1000000", "8388608", "bogus", "20MB", "-5", "16384k\n", "5000000",
		strings.Repeat("1", 5000), "4194304", "1.5G",
	}
	modes = []uint32{0o755, 0o700, 0o644, 0o600, 0o000, 0o555, 0o711, 0o666}
)

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// randomOp makes an operation that does the same on every side it is run on.
func randomOp(rng *rand.Rand) operation {
	group, file := pick(rng, groups), pick(rng, files)
	path := filepath.Join(group, file)
	if rng.IntN(3) == 0 {
		path = group
	}
	slot := rng.IntN(6)
	on := func(name string, run func(s *side, path string) string, args ...any) operation {
		return operation{
			text: fmt.Sprint(name, " ", path, " ", args),
			run:  func(s *side) string { return run(s, filepath.Join(s.dir, path)) },
		}
	}
	switch rng.IntN(20) {
	case 0, 1, 2:
		path, mode := pick(rng, groups), pick(rng, modes[:3])
		return operation{"mkdir " + path, func(s *side) string { return result(unix.Mkdir(filepath.Join(s.dir, path), mode)) }}
	case 3:
		path := pick(rng, groups[1:])
		return operation{"rmdir " + path, func(s *side) string { return result(unix.Rmdir(filepath.Join(s.dir, path))) }}
	case 4:
		to := pick(rng, groups[1:])
		return operation{"rename " + path + " " + to, func(s *side) string {
			return result(unix.Rename(filepath.Join(s.dir, path), filepath.Join(s.dir, to)))
		}}
	case 5:
		mode := pick(rng, modes)
		return on("chmod", func(_ *side, p string) string { return result(unix.Chmod(p, mode)) }, mode)
	case 6:
		owner := pick(rng, []int{0, 12301, -1, 12302})
		return on("chown", func(_ *side, p string) string { return result(unix.Chown(p, owner, owner)) }, owner)
	case 7:
		return on("stat", func(s *side, p string) string {
			var st unix.Stat_t
			err := unix.Stat(p, &st)
			if !s.sizes && st.Mode&unix.S_IFMT == unix.S_IFREG {
				st.Size = 0
			}
			return result(err, st.Mode, " ", st.Uid, " ", st.Gid, " ", st.Size, " ", st.Nlink)
		})
	case 8:
		mode := rng.Uint32N(8)
		return on("access", func(_ *side, p string) string { return result(unix.Access(p, mode)) }, mode)
	case 9:
		return on("truncate", func(_ *side, p string) string { return result(unix.Truncate(p, 10)) })
	case 10:
		return on("list", func(_ *side, p string) string {
			entries, err := os.ReadDir(p)
			return result(err, names(entries))
		})
	case 11, 12, 13:
		flags := pick(rng, []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_WRONLY | unix.O_TRUNC, unix.O_WRONLY | unix.O_APPEND, unix.O_RDWR | unix.O_CREAT, unix.O_RDONLY | unix.O_DIRECTORY, unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL})
		return on("open", func(s *side, p string) string {
			fd, err := unix.Open(p, flags|unix.O_CLOEXEC, 0o644)
			if err == nil {
				if old, ok := s.files[slot]; ok {
					unix.Close(old)
				}
				s.files[slot], s.opened[slot] = fd, p
			}
			return result(err)
		}, flags, slot)
	case 14, 15:
		text := pick(rng, texts)
		return operation{fmt.Sprintf("write %d %.20q", slot, text), func(s *side) string {
			fd, ok := s.files[slot]
			if !ok {
				return ""
			}
			n, err := unix.Write(fd, []byte(text))
			return result(err, n)
		}}
	case 16:
		return operation{fmt.Sprint("read ", slot), func(s *side) string {
			fd, ok := s.files[slot]
			if !ok {
				return ""
			}
			buf := make([]byte, 1<<16)
			_, err := unix.Pread(fd, buf, 0)
			return result(err)
		}}
	case 17:
		return on("setxattr", func(_ *side, p string) string {
			err := unix.Setxattr(p, "trusted.twin", []byte("x"), 0)
			buf := make([]byte, 10)
			n, gerr := unix.Getxattr(p, "trusted.twin", buf)
			return result(err) + " " + result(gerr, n)
		})
	case 18:
		return on("unlink", func(_ *side, p string) string { return result(unix.Unlink(p)) })
	default:
		return on("cat", func(_ *side, p string) string {
			text, err := os.ReadFile(p)
			if base := filepath.Base(p); base == "memory.usage_in_bytes" || base == "memory.stat" {
				text = nil // two groups do not use the same
			}
			return result(err, string(text))
		})
	}
}

var virtual = []string{"limit.human", "usage.human", "usage.live", "peak.human", "stat.human", "why"}

func names(entries []fs.DirEntry) (out []string) {
	for _, e := range entries {
		if !slices.Contains(virtual, e.Name()) {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out
}

// snapshot is all that a sequence can have changed in a group.
func snapshot(t *testing.T, dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s %o %d:%d", rel, st.Mode, st.Uid, st.Gid)
		switch filepath.Base(path) {
		case "memory.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.swappiness", "notify_on_release":
			text, err := os.ReadFile(path)
			fmt.Fprintf(&b, " %s %v", strings.TrimSpace(string(text)), err)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// reset makes a group as good as new.
func reset(t *testing.T, dir string) {
	if err := testgroup.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
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
