package fsnode

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// Config is what a mount is made of.
type Config struct {
	Source     *cgroupio.Source
	Mountpoint string // absolute
	FsName     string // what mount(8) and df(1) show as the source
	AllowOther bool   // false: only root may use the mount
	ReadOnly   bool
	Log        *slog.Logger
	// LogRequests writes every FUSE request and its answer to the log.
	LogRequests bool
}

// Mount mounts the tree, and returns when it answers.
func Mount(cfg Config) (*fuse.Server, error) {
	t := &tree{src: cfg.Source, log: cfg.Log, handles: openFiles(), writes: writesUnderWay()}
	var never time.Duration
	opts := fs.Options{
		// Nothing is answered from a cache, but where a node says so.
		EntryTimeout: &never,
		AttrTimeout:  &never,
		// A file of mode 0000 is one, not one of 0644.
		NullPermissions: true,
		RootStableAttr:  &fs.StableAttr{Ino: cfg.Source.RootIno()},
		MountOptions:    mountOptions(cfg),
	}
	root := &dirNode{node: node{t: t}}
	server, err := fuse.NewServer(directIO{fs.NewNodeFS(root, &opts)}, cfg.Mountpoint, &opts.MountOptions)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", cfg.Mountpoint, err)
	}
	t.passthrough = probePassthrough(server, cfg.Source)
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return nil, errors.Join(fmt.Errorf("mount %s: %w", cfg.Mountpoint, err), server.Unmount())
	}
	// The root's attributes are there already, and asking for them would be a
	// request to ourselves.
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, cfg.Mountpoint, unix.AT_STATX_DONT_SYNC, 0, &st); err == nil {
		cfg.Source.MirroredOn(unix.Mkdev(st.Dev_major, st.Dev_minor))
	} // before Linux 4.11 nothing asks for it
	return server, nil
}

func mountOptions(cfg Config) fuse.MountOptions {
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if cfg.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	return fuse.MountOptions{
		Name:   "memcgfs",
		FsName: cfg.FsName,
		// default_permissions is not given: the
		// kernel under us decides on each request, with the caller's
		// supplementary groups and capabilities and with the modes of that
		// moment, where FUSE would decide on the modes that it was told last.
		AllowOther: cfg.AllowOther,
		// No helper program, which a small system may not have.
		DirectMountStrict: true,
		DirectMountFlags:  flags,
		// With readdirplus every listing costs a lookup of each file.
		DisableReadDirPlus: true,
		// CAP_ATOMIC_O_TRUNC would save a request for each echo >, and make
		// the file's size 0 until it is asked for again: whoever reads it
		// with sendfile meanwhile would find nothing.
		// Answers are short texts in memory: a pipe to splice them through
		// costs three descriptors and system calls, and saves nothing.
		DisableSplice: true,
		// As large as the kernel takes it: each piece of a writev(2) costs a
		// page of it, and what does not fit comes as another write.
		MaxWrite: fuse.MAX_KERNEL_WRITE,
		// Reads of one handle come in order: texts are made at offset 0.
		SyncRead: true,
		Debug:    cfg.LogRequests,
		Logger:   slogAsLog(cfg.Log),
	}
}

func slogAsLog(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelDebug)
}

// probePassthrough says whether the kernel reads files of this mount by itself
// (Linux 6.9, CAP_SYS_ADMIN).
func probePassthrough(server *fuse.Server, src *cgroupio.Source) bool {
	if server.KernelSettings().Flags64()&fuse.CAP_PASSTHROUGH == 0 {
		return false
	}
	g, err := src.Group(src.RootIno(), func() []cgroupio.Step { return nil })
	if err != nil {
		return false
	}
	defer g.Close()
	name, st, err := g.File(cgroupio.Usage)
	if err != nil {
		return false
	}
	f, err := g.Open(name, st.Ino, unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	id, errno := server.RegisterBackingFd(&fuse.BackingMap{Fd: int32(f.Fd())})
	if errno != 0 {
		return false
	}
	return server.UnregisterBackingFd(id) == 0
}

// directIO sees to it that no file is read through the page cache: a handle
// that got no passthrough, because the kernel refused it for this one, would
// read as empty there, as the file's size is 0.
type directIO struct{ fuse.RawFileSystem }

func (d directIO) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	status := d.RawFileSystem.Open(cancel, in, out)
	if out.OpenFlags&fuse.FOPEN_PASSTHROUGH == 0 {
		out.OpenFlags |= fuse.FOPEN_DIRECT_IO
	}
	return status
}
