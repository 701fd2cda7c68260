package cgroupio

import (
	"bytes"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The functions here turn the kernel's errno into a sentence. They run with
// the caller's credentials, as everything does that he is told.

// refuse makes a refusal of err, which keeps its errno.
func refuse(text []byte, err error, reason, try string) *Refusal {
	r := &Refusal{Reason: reason, Try: try, Errno: unix.EIO}
	errors.As(err, &r.Errno)
	if text != nil {
		r.Value = quote(text)
	}
	return r
}

// explainFull says why a limit could not be brought down to what text says.
func (g *Group) explainFull(text []byte, err error) error {
	s, serr := g.Breakdown()
	if serr != nil {
		return refuse(text, err, "the group uses more, and the kernel could not reclaim enough", "write a higher limit")
	}
	stuck := s.Unreclaimable()
	swap, _ := g.src.proc.swapFree()
	swappable := min(s.Anonymous+s.Shared, swap)
	stuck -= min(stuck, swappable)
	why := "there is no swap to move it to"
	if swap > 0 {
		why = fmt.Sprintf("beyond the %s of free swap", swap.Approx())
	}
	least := leastLimit(stuck)
	return refuse(text, err,
		fmt.Sprintf("the group uses %s, of which %s cannot be reclaimed (%s)", s.Usage.Approx(), stuck.Approx(), why),
		fmt.Sprintf("the smallest limit likely to work is %s; write that or more, or end a process of the group", least))
}

// leastLimit leaves some air above what cannot be reclaimed: the counters run
// behind by up to 64 pages for each processor.
func leastLimit(stuck Size) Size {
	least := stuck + stuck/32 + 512<<10
	step := Size(64 << 10)
	if least > 16<<20 {
		step = 1 << 20
	}
	return (least + step - 1) / step * step
}

// ExplainWrite says why the text that c wrote to the control file name was not
// taken.
func (g *Group) ExplainWrite(c *Caller, name string, text []byte, err error) error {
	var r *Refusal
	var errno syscall.Errno
	switch {
	case errors.As(err, &r) || !errors.As(err, &errno):
		return err
	case listsTasks(name):
		return g.explainMove(c, text, err, errno)
	case errno == unix.EINVAL && g.onlyRead(name):
		return refuse(text, err, "this file is only read", "cat shows it; files with a w in their mode are written to")
	case name == g.src.layout.file(Limit) || name == g.src.layout.file(SwapLimit):
		switch errno {
		case unix.EBUSY:
			return g.explainFull(text, err)
		case unix.EINVAL:
			return g.explainLimitOrder(name, text, err)
		}
	}
	reason, try := sentence(errno)
	return refuse(text, err, reason, try)
}

func (g *Group) onlyRead(name string) bool {
	st, err := g.Lookup(name)
	return err == nil && st.Mode&0o222 == 0
}

func limitOfRoot(text []byte, err error) error {
	return refuse(text, err, "the root group is the whole machine, whose memory the kernel does not limit",
		"set the limit on a group below it")
}

func (g *Group) explainLimitOrder(name string, text []byte, err error) error {
	if g.src.layout.isRoot(g) {
		return limitOfRoot(text, err)
	}
	limitFile, swapFile := g.src.layout.file(Limit), g.src.layout.file(SwapLimit)
	limit, lerr := v1{}.bytesIn(g, Limit)
	swap, serr := v1{}.bytesIn(g, SwapLimit)
	if lerr == nil && serr == nil {
		if name == limitFile {
			return refuse(text, err, fmt.Sprintf("more than %s, which is %s", swapFile, swap),
				"raise that first, or write limit.human, which changes both in the right order")
		}
		return refuse(text, err, fmt.Sprintf("less than %s, which is %s", limitFile, limit),
			"lower that first, or write limit.human, which changes both in the right order")
	}
	reason, try := sentence(unix.EINVAL)
	return refuse(text, err, reason, try)
}

func (g *Group) explainMove(c *Caller, text []byte, err error, errno syscall.Errno) error {
	switch errno {
	case unix.ESRCH:
		return refuse(text, err, "there is no process with this number", "write the number of a running process; ps shows them")
	case unix.EACCES, unix.EPERM:
		owner := "another user"
		if uid, uerr := c.ownerOf(text); uerr == nil {
			owner = UserName(uid)
		}
		return refuse(text, err, fmt.Sprintf("the process belongs to %s", owner),
			"a process can be moved by its owner, if he may write both groups, and by root")
	case unix.EINVAL:
		return refuse(text, err, "the kernel does not move this process (a kernel thread, or one bound to its group)",
			"write the number of an ordinary process")
	}
	reason, try := sentence(errno)
	return refuse(text, err, reason, try)
}

// ExplainChange says why the member name, or with "" the group itself, could not
// be changed: did names what was tried.
func (g *Group) ExplainChange(c *Caller, name, did string, err error) error {
	var r *Refusal
	var errno syscall.Errno
	if errors.As(err, &r) || !errors.As(err, &errno) {
		return err
	}
	reason, try := sentence(errno)
	var st unix.Stat_t
	if (errno == unix.EACCES || errno == unix.EPERM) && g.on(name, func(path string) error { return unix.Stat(path, &st) }) == nil {
		reason = fmt.Sprintf("user %s may not: it belongs to %s, mode %04o", UserName(c.Uid), UserName(st.Uid), st.Mode&0o7777)
		try = "its owner or root may, or can give the right with chown or chmod"
		if c.Uid == st.Uid {
			reason = fmt.Sprintf("the mode, %04o, does not let the owner, and capabilities do not either", st.Mode&0o7777)
			try = "change the mode with chmod"
		}
	}
	return refuse(nil, err, did+": "+reason, try)
}

// ExplainNever says why what no group takes was refused, nil where it was not.
// did names what was tried.
func ExplainNever(did string, err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return err
	}
	return refuse(nil, err, did+": a group holds the kernel's files and other groups, and nothing else",
		"make a group with mkdir, or keep the file elsewhere")
}

// ExplainBusy says who keeps the child group name from being removed, in the
// numbers that c knows.
func (g *Group) ExplainBusy(c *Caller, name string, err error) error {
	const most = 5
	fd, oerr := openRetry(g.fd, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if oerr != nil {
		return refuse(nil, err, "rmdir: the group is busy", "try again")
	}
	child := &Group{src: g.src, fd: fd, caller: g.caller}
	defer child.Close()
	if groups := child.childGroups(); len(groups) > 0 {
		return refuse(nil, err, "rmdir: "+count(len(groups), "group")+" below it: "+list(groups, most), "remove them first")
	}
	text, _ := child.read(g.src.layout.file(Members))
	var inside []string
	for field := range bytes.FieldsSeq(text) {
		pid, _ := strconv.Atoi(string(field))
		who := "one in another pid namespace"
		if theirs, err := c.proc.pidToCaller(c, pid); err == nil {
			who = strconv.Itoa(theirs)
			if len(inside) < most {
				who += " (" + Name(c.proc.command(pid)) + ")"
			}
		}
		inside = append(inside, who)
	}
	if len(inside) == 0 {
		return refuse(nil, err, "rmdir: the group was busy a moment ago", "try again")
	}
	return refuse(nil, err, "rmdir: "+count(len(inside), "process")+" inside: "+list(inside, most),
		"move them by writing each number to another group's cgroup.procs, or end them")
}

func (g *Group) childGroups() []string {
	fd, err := g.OpenDir()
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var groups []string
	for _, name := range entryNames(fd) {
		if st, err := g.Lookup(name); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			groups = append(groups, Name(name))
		}
	}
	return groups
}

// entryNames lists the directory that fd is open on, but for . and .. in it.
func entryNames(fd int) (names []string) {
	buf := make([]byte, 8192)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil || n <= 0 {
			return names
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	plural := map[string]string{"process": "processes", "group": "groups"}
	return strconv.Itoa(n) + " " + plural[what]
}

func list(names []string, most int) string {
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// UserName is the user's name, or his number where he has none.
func UserName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// sentences explain an errno where nothing more is known.
var sentences = map[syscall.Errno][2]string{
	unix.EACCES:     {"the kernel does not let this user do it", "ask the group's owner, or root"},
	unix.EPERM:      {"the kernel does not let this user do it", "ask root"},
	unix.EINVAL:     {"the kernel does not take this value here", "see the kernel's documentation of this file"},
	unix.ERANGE:     {"out of the range of values that the file takes", "see the kernel's documentation of this file"},
	unix.EBUSY:      {"the kernel says that it is in use", "try again when it is not"},
	unix.EINTR:      {"a signal ended it before anything had changed", "try again"},
	unix.ENODEV:     {"the group was removed", "use a group that exists"},
	unix.ENOENT:     {"it does not exist", "see the listing of the group"},
	unix.EEXIST:     {"the name is taken", "use another name"},
	unix.E2BIG:      {"longer than the kernel takes in one write", "write at most 4096 bytes"},
	unix.ENOSPC:     {"the kernel has no room for another group", "remove groups that are not used"},
	unix.EAGAIN:     {"the kernel is at its limit of groups (cgroup.max.descendants)", "remove groups that are not used"},
	unix.EOPNOTSUPP: {"the kernel does not support it here", "see the kernel's documentation of this file"},
}

func sentence(errno syscall.Errno) (reason, try string) {
	if s, ok := sentences[errno]; ok {
		return s[0], s[1]
	}
	return "the kernel said: " + errno.Error(), "see the kernel's documentation of this file"
}
