package cgroupio

import "golang.org/x/sys/unix"

// Group is one cgroup, held by an O_PATH descriptor, which neither keeps it
// from being removed nor follows a new group of the same name. Its methods run
// with the credentials of the thread that calls them: see [Group.As].
type Group struct {
	src    *Source
	fd     int
	ino    uint64
	caller *Caller // nil outside of [Group.As]
}

// Close gives the descriptor back.
func (g *Group) Close() error { return unix.Close(g.fd) }

// Ino is the group's kernfs number.
func (g *Group) Ino() uint64 { return g.ino }

// Stat is the group's own attributes.
func (g *Group) Stat() (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstat(g.fd, &st)
	return st, err
}

// Lookup gives the attributes of the control file or child group name.
func (g *Group) Lookup(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := g.inside(nil, func() error {
		return unix.Fstatat(g.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	return st, err
}

// SearchableByAll says that the group's mode lets every user look names up in
// it, so that it does not matter who asks.
func (g *Group) SearchableByAll() bool {
	st, err := g.Stat()
	return err == nil && st.Mode&0o111 == 0o111
}

// OwnerMayWrite says that c may write the file name because it is his and its
// mode lets him, so that his groups and capabilities do not matter.
func (g *Group) OwnerMayWrite(c *Caller, name string) bool {
	st, err := g.Lookup(name)
	return err == nil && st.Uid == c.Uid && st.Mode&0o200 != 0 && g.SearchableByAll()
}

// Removed says that the kernel has removed the group.
func (g *Group) Removed() bool {
	return !exists(g.fd, g.src.layout.file(Members))
}

// OpenDir opens the group for listing.
func (g *Group) OpenDir() (fd int, err error) {
	err = g.on("", func(path string) error {
		fd, err = openRetry(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY)
		return err
	})
	return fd, err
}

// Mkdir makes a child group, which belongs to the calling thread's user.
func (g *Group) Mkdir(name string, mode uint32) error {
	return g.inside(nil, func() error { return unix.Mkdirat(g.fd, name, mode) })
}

// Rmdir removes a child group. EBUSY is explained by [Group.ExplainBusy].
func (g *Group) Rmdir(name string) error {
	return g.insideTaking(nil, []taken{{g, name}}, func() error { return unix.Unlinkat(g.fd, name, unix.AT_REMOVEDIR) })
}

// Rename gives a child group another name, within the group (v1 only).
func (g *Group) Rename(name string, to *Group, newName string, flags uint32) error {
	return g.insideTaking(to, []taken{{g, name}, {to, newName}}, func() error {
		return unix.Renameat2(g.fd, name, to.fd, newName, uint(flags))
	})
}

// Create, Unlink, Symlink, Link and Mknod are what the kernel refuses in a
// cgroup directory. They are asked of it all the same: which errno is given
// depends on the caller's rights and on what is there.

// Create is open(2) with O_CREAT; it never makes a file.
func (g *Group) Create(name string, flags int, mode uint32) error {
	return g.inside(nil, func() error {
		fd, err := unix.Openat(g.fd, name, flags|unix.O_CREAT|unix.O_CLOEXEC, mode)
		if err == nil {
			unix.Close(fd)
		}
		return err
	})
}

// Unlink is unlink(2).
func (g *Group) Unlink(name string) error {
	return g.insideTaking(nil, []taken{{g, name}}, func() error { return unix.Unlinkat(g.fd, name, 0) })
}

// Symlink is symlink(2).
func (g *Group) Symlink(target, name string) error {
	return g.inside(nil, func() error { return unix.Symlinkat(target, g.fd, name) })
}

// Link is link(2) of the member old of the group from.
func (g *Group) Link(from *Group, old, name string) error {
	return g.inside(from, func() error { return unix.Linkat(from.fd, old, g.fd, name, 0) })
}

// Mknod is mknod(2).
func (g *Group) Mknod(name string, mode, dev uint32) error {
	return g.inside(nil, func() error { return unix.Mknodat(g.fd, name, mode, int(dev)) })
}

// Chmod, Chown, Utimes, Truncate and Access take the name of a member, or ""
// for the group itself.

// Chmod is chmod(2).
func (g *Group) Chmod(name string, mode uint32) error {
	return g.on(name, func(path string) error { return unix.Chmod(path, mode) })
}

// Chown is chown(2); -1 leaves an id as it is.
func (g *Group) Chown(name string, uid, gid int) error {
	return g.on(name, func(path string) error { return unix.Chown(path, uid, gid) })
}

// Utimes is utimensat(2).
func (g *Group) Utimes(name string, times [2]unix.Timespec) error {
	return g.on(name, func(path string) error { return unix.UtimesNanoAt(unix.AT_FDCWD, path, times[:], 0) })
}

// Truncate is truncate(2), which checks the right to write and takes off the
// set-ID bits, unless the caller has CAP_FSETID on the machine.
func (g *Group) Truncate(name string, size int64) error {
	return g.onWithout(1<<unix.CAP_FSETID, name, func(path string) error { return unix.Truncate(path, size) })
}

// Access is access(2) for the effective user.
func (g *Group) Access(c *Caller, name string, mask uint32) error {
	return g.on(name, func(path string) error {
		err := unix.Faccessat2(unix.AT_FDCWD, path, mask, unix.AT_EACCESS)
		if err == unix.ENOSYS { // before Linux 5.8
			var st unix.Stat_t
			if err = unix.Stat(path, &st); err == nil {
				err = c.mayAccess(&st, mask)
			}
		}
		return err
	})
}

// Getxattr, Setxattr, Listxattr and Removexattr take the name of a member, or
// "" for the group itself.

// Getxattr is getxattr(2).
func (g *Group) Getxattr(name, attr string, dest []byte) (size int, err error) {
	err = g.on(name, func(path string) error {
		size, err = unix.Getxattr(path, attr, dest)
		return err
	})
	return size, err
}

// Setxattr is setxattr(2).
func (g *Group) Setxattr(name, attr string, data []byte, flags int) error {
	return g.on(name, func(path string) error { return unix.Setxattr(path, attr, data, flags) })
}

// Listxattr is listxattr(2).
func (g *Group) Listxattr(name string, dest []byte) (size int, err error) {
	err = g.on(name, func(path string) error {
		size, err = unix.Listxattr(path, dest)
		return err
	})
	return size, err
}

// Removexattr is removexattr(2).
func (g *Group) Removexattr(name, attr string) error {
	return g.on(name, func(path string) error { return unix.Removexattr(path, attr) })
}
