package fsnode

import (
	"sync"
	"time"
)

// While a file is written to, the kernel keeps every other writer and every
// truncation of its inode waiting, in a sleep that not even SIGKILL ends. On
// the kernel's own tree they have nothing to do with each other, and a write
// that lowers a limit may take as long as it likes. So once a write takes long,
// the file's entry is dropped, and whoever opens the file from then on finds it
// under another inode, which has the same number.
//
// Only then: with the entry go mounts on the file, and a lock that is held by
// way of the old inode does not keep others out on the new one.

// slowAfter is how long a write may take before others get an inode of their
// own; nearly all are done by then.
const slowAfter = 10 * time.Millisecond

// writing is called at the beginning of a write to the file; what it returns, at
// the end.
func (n *fileNode) writing() (done func() bool) {
	return time.AfterFunc(slowAfter, func() {
		n.dir.slow.add(n.name)
		// The kernel takes the directory's lock for this: we hold none.
		_ = n.dir.NotifyEntry(n.name)
	}).Stop
}

// generations counts, for the files of a group, the inodes that were left to a
// writer. The zero value is ready.
type generations struct {
	mu sync.Mutex
	of map[string]uint64
}

func (g *generations) add(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.of = make(map[string]uint64)
	}
	g.of[name]++
}

func (g *generations) get(name string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.of[name]
}
