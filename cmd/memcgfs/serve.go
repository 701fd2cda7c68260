package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
	"memcgfs/fsnode"
)

// serve mounts, and serves until the mount is gone.
func serve(cfg config) error {
	os.Unsetenv(startedBy)
	harden()
	// Before there is a mount: a process that dies by a signal while it waits
	// for its own first answer is never gone, as that wait cannot be killed,
	// and keeps the mount that nobody serves any more.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	log := newLogger(cfg)
	m, server, err := start(cfg, log)
	report(cfg, err)
	if err != nil {
		return err
	}
	defer m.remove()
	m.release()
	return waitForEnd(m, server, log, signals)
}

func start(cfg config, log *slog.Logger) (*mountpoint, *fuse.Server, error) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return nil, nil, fmt.Errorf("no /dev/fuse: the kernel has no FUSE, or its module is not loaded; try: modprobe fuse")
	}
	m, err := findMountpoint(cfg.mountpoint)
	if err != nil {
		return nil, nil, err
	}
	if m.cleared {
		log.Warn("a stale mount was cleared, left by a daemon that died", "mountpoint", m.path)
	}
	if cfg.source == "" {
		cfg.source, err = cgroupio.Find()
		if errors.Is(err, cgroupio.ErrNoHierarchy) {
			err = fmt.Errorf("%w (cgroup v1); try: mount -t cgroup -o memory memory /sys/fs/cgroup/memory", err)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	// A caller's own mode and groups decide on what is made, not ours.
	unix.Umask(0)
	if err := syscall.Setgroups(nil); err != nil {
		return nil, nil, fmt.Errorf("give up supplementary groups: %w", err)
	}
	src, err := cgroupio.OpenSource(cfg.source)
	if err != nil {
		return nil, nil, err
	}
	if !cfg.readOnly {
		src.Repair(func(path, did string, err error) {
			if err != nil {
				log.Error("a daemon died in the middle of a change", "group", path, "err", err)
			} else {
				log.Warn("a daemon died in the middle of a change", "group", path, "now", did)
			}
		})
	}
	if err := m.prepare(src.Path()); err != nil {
		return nil, nil, err
	}
	if cfg.fsName == "" {
		cfg.fsName = src.Path()
	}
	if err := os.Chdir("/"); err != nil {
		return nil, nil, err
	}
	// The work is short-lived garbage in a small heap.
	debug.SetGCPercent(50)
	server, err := fsnode.Mount(fsnode.Config{
		Source:      src,
		Mountpoint:  m.path,
		FsName:      cfg.fsName,
		AllowOther:  cfg.allowOther,
		ReadOnly:    cfg.readOnly,
		Log:         log,
		LogRequests: cfg.logLevel.trace,
	})
	if err != nil {
		m.release()
		m.remove()
		return nil, nil, err
	}
	return m, server, nil
}

// newLogger logs to standard error in the foreground, else to the system's log
// where there is one.
func newLogger(cfg config) *slog.Logger {
	var w io.Writer = os.Stderr
	if !cfg.foreground {
		w = io.Discard
		if s, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, "memcgfs"); err == nil {
			w = s
		}
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: cfg.logLevel.Level}))
}

// grace is how long open files are still served after a lazy unmount. Whoever
// ends a service does not wait much longer.
const grace = 5 * time.Second

// waitForEnd returns when the mount is gone: unmounted by somebody, or by a
// signal to us, then lazily if it is busy.
func waitForEnd(m *mountpoint, server *fuse.Server, log *slog.Logger, signals <-chan os.Signal) error {
	ours, err := topMount(m.path)
	if err != nil {
		return err
	}
	if ours == nil { // unmounted again already
		server.Wait()
		return nil
	}
	served := make(chan struct{})
	go func() {
		server.Wait()
		close(served)
	}()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGUSR1)
	for ended := false; !ended; {
		select {
		case <-served:
			return nil
		case <-asked:
			logState(log)
		case <-signals:
			ended = true
		}
	}
	if err := unmount(ours); err != nil {
		return err
	}
	select {
	case <-served:
	case <-signals:
	case <-time.After(grace):
	}
	return nil
}

// unmount takes the mount away, lazily if it is busy, wherever it was moved or
// bound to meanwhile in this mount namespace.
func unmount(ours *mountinfo.Info) error {
	all, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return m.Major != ours.Major || m.Minor != ours.Minor, false
	})
	if err != nil {
		return fmt.Errorf("read mountinfo: %w", err)
	}
	for _, m := range slices.Backward(all) {
		top, err := topMount(m.Mountpoint)
		switch {
		case err != nil:
			return err
		case top == nil || top.ID != m.ID:
			return fmt.Errorf("%s is covered by another mount; ended without unmounting", m.Mountpoint)
		}
		err = unix.Unmount(m.Mountpoint, unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EBUSY) {
			err = unix.Unmount(m.Mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		}
		if err != nil {
			return fmt.Errorf("unmount %s: %w", m.Mountpoint, err)
		}
	}
	return nil
}
