package fsnode

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// virtualHandle is an open virtual file. What it does is done as the caller who
// opened it.
type virtualHandle struct {
	n *virtualNode
	request
	opened unix.Stat_t // of the control file behind it

	mu    sync.Mutex
	text  []byte    // as the last read from the beginning found it
	first int64     // the offset that text begins at
	made  time.Time // when the last line of it was
}

func (h *virtualHandle) openedBy() uint32 { return h.caller.Uid }

// keep is how much a live file remembers of what was read.
const keep = 64 << 10

var _ = (fs.FileReader)((*virtualHandle)(nil))

// Read makes the text anew at offset 0, and gives the rest of that same text
// at others: as the kernel's own files do.
func (h *virtualHandle) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	h.mu.Lock()
	defer h.mu.Unlock()
	atEnd := off == h.first+int64(len(h.text))
	var err error
	switch {
	case off == 0 || h.made.IsZero():
		h.text, h.first = nil, 0
		if err = h.add(); off > 0 && h.n.file.live {
			// tail begins near the size, which counts what others have
			// read: the text ends there.
			h.first = max(0, h.n.furthest()-int64(len(h.text)))
		}
	case h.n.file.live && atEnd && time.Since(h.made) >= time.Second:
		before := len(h.text)
		err = h.add()
		if over := before - keep; over > 0 {
			h.text, h.first = h.text[over:], h.first+int64(over)
		}
	}
	if err != nil {
		return nil, toErrno(err)
	}
	h.n.gave(h.first+int64(len(h.text)), h.made)
	at := off - h.first
	if at < 0 || at >= int64(len(h.text)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(dest[:copy(dest, h.text[at:])]), 0
}

// add reads the text and adds it to what was read.
func (h *virtualHandle) add() error {
	return h.act(func(r request) error {
		text, err := h.n.file.read(r)
		if err == nil {
			h.text = append(h.text, text...)
			h.made = time.Now()
		}
		return err
	})
}

// act runs do as whoever opened the file.
func (h *virtualHandle) act(do func(request) error) error {
	err := h.group.As(h.caller, func(g *cgroupio.Group) error {
		return do(request{t: h.t, group: g, caller: h.caller})
	})
	if errors.Is(err, unix.ENOENT) && h.group.Removed() {
		err = unix.ENODEV // as from a control file that was open
	}
	return err
}

var _ = (fs.FileWriter)((*virtualHandle)(nil))

// Write takes each write as one whole text, as the kernel's own files do.
func (h *virtualHandle) Write(ctx context.Context, data []byte, _ int64) (uint32, syscall.Errno) {
	if err := h.t.writes.take(h.caller.Uid); err != nil {
		return 0, h.t.refused(h.group, h.caller, h.n.file.name, err)
	}
	defer h.t.writes.giveBack(h.caller.Uid)
	defer h.n.writing()()
	err := h.act(func(r request) error { return h.n.file.write(ctx, r, data) })
	if err != nil {
		return 0, h.t.refused(h.group, h.caller, h.n.file.name, err)
	}
	return uint32(len(data)), 0
}

// Truncate has nothing to do: a text is replaced by the next write.
func (h *virtualHandle) Truncate(int64) error { return nil }

var _ = (fs.FileFsyncer)((*virtualHandle)(nil))

// Fsync has nothing to do; editors want it.
func (h *virtualHandle) Fsync(context.Context, uint32) syscall.Errno { return 0 }

var _ = (fs.FileReleaser)((*virtualHandle)(nil))

func (h *virtualHandle) Release(context.Context) syscall.Errno {
	h.n.opened(-1)
	h.t.handles.giveBack(h.caller.Uid)
	return toErrno(h.group.Close())
}
