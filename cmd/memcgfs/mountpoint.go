package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mountpoint is the directory that is mounted on.
type mountpoint struct {
	path string // absolute, without symbolic links
	made bool   // by us, and ours to take away
	// cleared says that a stale mount was there.
	cleared bool
	lock    *os.File
}

// findMountpoint resolves the path, and clears what daemons that died have left
// mounted there: before the source is looked at, which may lie under it.
func findMountpoint(path string) (*mountpoint, error) {
	m := &mountpoint{path: path}
	for range 40 { // links, as the kernel follows them; stat(2) asks a dead mount
		if dir, err := filepath.EvalSymlinks(filepath.Dir(m.path)); err == nil {
			m.path = filepath.Join(dir, filepath.Base(m.path))
		}
		link, err := os.Readlink(m.path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(m.path), link)
		}
		m.path = filepath.Clean(link)
	}
	for {
		top, err := topMount(m.path)
		if err != nil {
			return nil, err
		}
		switch _, err := os.Stat(m.path); {
		case !errors.Is(err, unix.ENOTCONN):
			return m, nil
		case top == nil || top.FSType != fsType:
			return nil, fmt.Errorf("%s is the stale mount of another program; clear it with: umount -l %s", m.path, m.path)
		}
		// Of use to nobody. Whoever has a file of it open goes on getting
		// errors.
		if err := unix.Unmount(m.path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return nil, fmt.Errorf("clear the stale mount on %s, left by a daemon that died: %w", m.path, err)
		}
		m.cleared = true
	}
}

// prepare makes the mountpoint where it is not there, checks it, and holds it
// against a second start until the mount is there.
func (m *mountpoint) prepare(source string) error {
	if m.path != source {
		// Before it is made: mkdir in the source would make a group.
		if err := m.checkAround(source); err != nil {
			return err
		}
	}
	switch err := os.Mkdir(m.path, 0o755); {
	case err == nil:
		m.made = true
	case errors.Is(err, unix.EEXIST):
	default:
		return fmt.Errorf("make the mountpoint %s: %w", m.path, errors.Unwrap(err))
	}
	if err := m.check(source); err != nil {
		m.remove()
		return err
	}
	return nil
}

// checkAround says whether the mountpoint is in a cgroup tree, where it would be
// a group of its own: in the source, or in a mount of it.
func (m *mountpoint) checkAround(source string) error {
	around, err := mountinfo.GetMounts(mountinfo.ParentsFilter(filepath.Dir(m.path)))
	if err != nil {
		return fmt.Errorf("read mountinfo: %w", err)
	}
	var inner *mountinfo.Info
	for _, mount := range around {
		if inner == nil || len(mount.Mountpoint) >= len(inner.Mountpoint) {
			inner = mount // of two on one place, the later one is on top
		}
	}
	switch {
	case strings.HasPrefix(m.path, source+"/"):
		return fmt.Errorf("mountpoint %s is inside the source %s; choose one outside, such as /mnt/memcg", m.path, source)
	case inner != nil && (inner.FSType == fsType || strings.HasPrefix(inner.FSType, "cgroup")):
		return fmt.Errorf("mountpoint %s is inside a cgroup tree, which is mounted on %s; choose one outside, such as /mnt/memcg", m.path, inner.Mountpoint)
	}
	return nil
}

func (m *mountpoint) check(source string) error {
	top, err := topMount(m.path)
	if err != nil {
		return err
	}
	switch st, err := os.Stat(m.path); {
	case err != nil:
		return fmt.Errorf("mountpoint %s: %w", m.path, errors.Unwrap(err))
	case !st.IsDir():
		return fmt.Errorf("mountpoint %s is not a directory", m.path)
	}
	switch {
	case top == nil || m.path == source && !strings.HasPrefix(top.FSType, "fuse"):
	case top.FSType == fsType:
		return fmt.Errorf("%s is already mounted on %s", top.Source, m.path)
	default:
		return fmt.Errorf("mountpoint %s is busy: %s (%s) is mounted there", m.path, top.Source, top.FSType)
	}
	if m.lock, err = lockStart(m.path); err != nil {
		return err
	}
	// The other one may have finished between the check and the lock.
	if now, err := topMount(m.path); err == nil && now != nil && (top == nil || now.ID != top.ID) {
		m.release()
		return fmt.Errorf("%s is already mounted on %s", now.Source, m.path)
	}
	return nil
}

// lockFile is where starts on the same mountpoint keep each other out. A lock on
// the mountpoint itself could be taken by any user.
const lockFile = "/run/memcgfs.lock"

// lockStart takes the byte of the lock file that stands for the path. Where
// there is no such file to be had, the check of mountinfo alone must do.
func lockStart(path string) (*os.File, error) {
	f, err := os.OpenFile(lockFile, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, nil
	}
	h := fnv.New32a()
	h.Write([]byte(path))
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Start: int64(h.Sum32()), Len: 1}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		f.Close()
		return nil, fmt.Errorf("mountpoint %s is busy: another memcgfs is being started on it", path)
	}
	return f, nil
}

// release lets others start on the mountpoint, who then find the mount.
func (m *mountpoint) release() {
	if m.lock != nil {
		m.lock.Close()
	}
}

// remove takes the directory away if it was made.
func (m *mountpoint) remove() {
	if m.made {
		_ = os.Remove(m.path)
	}
}

const fsType = "fuse.memcgfs"

// topMount is the mount that is seen at path, nil if none is mounted right
// there.
func topMount(path string) (*mountinfo.Info, error) {
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return m.Mountpoint != path, false
	})
	if err != nil {
		return nil, fmt.Errorf("read mountinfo: %w", err)
	}
	if len(mounts) == 0 {
		return nil, nil
	}
	return mounts[len(mounts)-1], nil
}
