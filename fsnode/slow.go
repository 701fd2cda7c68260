package fsnode

import (
	"sync"
	"time"
)

// While a file is written to, the kernel keeps every other writer and every
// truncation of its inode waiting, in a sleep that not even SIGKILL ends. On
// the kernel's own tree they have nothing to do with each other, and a write
// may take as long as it likes: one that lowers a limit, or one whose text is
// in memory that somebody holds back. So once a file has been open for writing
// for a moment, its entry is dropped, and whoever opens it from then on finds
// it under another inode, which has the same number.

// aMoment is how long a file may be open for writing before others get an inode
// of their own; most writers are done by then.
const aMoment = 10 * time.Millisecond

// openForWriting is called when the file is opened for writing; what it returns,
// when it is closed.
func (n *fileNode) openForWriting() (closed func() bool) {
	return time.AfterFunc(aMoment, func() {
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
