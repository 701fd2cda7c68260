package cgroupio

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// A caller in a user namespace of his own, such as a container's root, has his
// capabilities there: the kernel heeds them for a file only whose owner and
// group both have a number in that namespace (capable_wrt_inode_uidgid,
// user_namespaces(7)), and for nothing that belongs to the machine. The thread
// that acts for him cannot enter his namespace, as a process with more than
// one thread cannot; so it has these capabilities for one file at a time.

// fileCaps are the capabilities that the kernel asks for with a file in mind.
const fileCaps = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH |
	1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID | 1<<unix.CAP_SETFCAP

// userNS is what a caller is in a user namespace that is not the daemon's.
type userNS struct {
	caps       uint64 // effective, there
	uids, gids []idRange
}

// idRange is a line of /proc/PID/uid_map: ids that have a number in there, as
// they are numbered here.
type idRange struct{ first, count uint32 }

func (p *procfs) userNamespace(tid int, caps uint64) (*userNS, error) {
	ns := &userNS{caps: caps & fileCaps}
	for file, ranges := range map[string]*[]idRange{"uid_map": &ns.uids, "gid_map": &ns.gids} {
		err := p.read(strconv.Itoa(tid)+"/"+file, func(b []byte) error {
			n := numbers(b) // three in each line: inside, outside, count
			for ; len(n) >= 3; n = n[3:] {
				*ranges = append(*ranges, idRange{n[1], n[2]})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return ns, nil
}

// over gives the capabilities that count for a file with the attributes st.
func (ns *userNS) over(st *unix.Stat_t) uint64 {
	if ns == nil || !contains(ns.uids, st.Uid) || !contains(ns.gids, st.Gid) {
		return 0
	}
	return ns.caps
}

// owner is whether a capability to be the owner of a file counts: for what is
// done to its attributes the file's group does not matter
// (inode_owner_or_capable).
func (ns *userNS) owner(st *unix.Stat_t) uint64 {
	if ns == nil || !contains(ns.uids, st.Uid) {
		return 0
	}
	return ns.caps & (1 << unix.CAP_FOWNER)
}

func contains(ranges []idRange, id uint32) bool {
	for _, r := range ranges {
		if id-r.first < r.count { // wraps around below first
			return true
		}
	}
	return false
}

// As runs fn as the caller c, see [Caller.As], with a group of which that is
// known: only there, on that thread, may capabilities be raised.
func (g *Group) As(c *Caller, fn func(*Group) error) error {
	return c.As(func() error { return fn(g.as(c)) })
}

// inside runs do, which looks names up in the group or makes something in it,
// with the capabilities that the caller has over the group, and over the group
// to as well if it is not nil.
func (g *Group) inside(to *Group, do func() error) error {
	return g.insideTaking(to, nil, do)
}

// taken is a member that is taken out of a group, or replaced in it.
type taken struct {
	from *Group
	name string
}

// insideTaking is [Group.inside] for what takes members out: where a group has
// the sticky bit, the kernel asks for CAP_FOWNER over these, not over it.
func (g *Group) insideTaking(to *Group, members []taken, do func() error) error {
	if g.caller == nil || g.caller.creds().userNS == nil {
		return do()
	}
	ns := g.caller.creds().userNS
	st, err := g.Stat()
	if err != nil {
		return err
	}
	caps := ns.over(&st)
	if to != nil {
		if st, err = to.Stat(); err != nil {
			return err
		}
		caps &= ns.over(&st)
	}
	owner := len(members) > 0
	for _, m := range members {
		if st, err := m.from.as(g.caller).Lookup(m.name); err == nil && ns.over(&st) == 0 {
			owner = false
		}
	}
	if !owner {
		caps &^= 1 << unix.CAP_FOWNER
	}
	return withCaps(caps, do)
}

// as is the group for what runs as c already.
func (g *Group) as(c *Caller) *Group {
	as := *g
	as.caller = c
	return &as
}

// on runs do, which is given a path to the member name, or with "" to the
// group itself, with the capabilities that the caller has over that.
func (g *Group) on(name string, do func(path string) error) error {
	return g.onWithout(0, name, do)
}

// onWithout is [Group.on] but for some capabilities.
func (g *Group) onWithout(without uint64, name string, do func(path string) error) error {
	if g.caller == nil || g.caller.creds().userNS == nil {
		return do(procPath(g.fd, name))
	}
	fd := g.fd
	if name != "" {
		err := g.inside(nil, func() (err error) {
			fd, err = openRetry(g.fd, name, unix.O_PATH|unix.O_NOFOLLOW)
			return err
		})
		if err != nil {
			return err
		}
		defer unix.Close(fd)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	ns := g.caller.creds().userNS
	caps := (ns.over(&st) | ns.owner(&st)) &^ without
	return withCaps(caps, func() error { return do(procPath(fd, "")) })
}

// withCaps runs do on a thread that acts for a caller with these capabilities
// besides.
func withCaps(caps uint64, do func() error) error {
	if caps == 0 {
		return do()
	}
	if err := setcaps(caps & daemon().caps); err != nil {
		return err
	}
	err := do()
	if cerr := setcaps(0); cerr != nil && err == nil {
		err = cerr
	}
	return err
}

// procPath names an open file, or something in an open directory, for system
// calls that take a path and no descriptor. The link in /proc leads to it
// whatever its path is by now.
func procPath(fd int, name string) string {
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	if name != "" {
		path += "/" + name
	}
	return path
}
