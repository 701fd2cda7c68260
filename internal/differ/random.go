package differ

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// generator makes random sequences. Each uses few callers and few names, so
// that its steps meet.
type generator struct {
	*rand.Rand
	files   []string // the control files of a group
	callers []string
	groups  []string // names that groups may get
	live    []string // those that have probably been made
	watched []string // the control files that this sequence uses most
	virtual string   // the name of a virtual file that groups may get, or ""
	open    []holding
	total   int // of the weights of all operations
}

// holding is an open file that a caller probably has.
type holding struct{ caller, slot, path string }

// Random gives the sequence of a seed.
func Random(seed uint64, files []string) []Step {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), files: files, live: []string{".", "a", "b", "n"}}
	var names []string
	for i := range callers {
		names = append(names, callers[i].name)
	}
	g.callers = some(g, names, 2+g.IntN(3))
	g.groups = append(some(g, []string{"a", "b", "n", "a/x", "b/x", "n/x", "a/y", "a/x/z", "missing"}, 4), some(g, hardNames, g.IntN(2))...)
	g.watched = append(some(g, files, 3), some(g, []string{"tasks", "cgroup.procs", "memory.limit_in_bytes", "memory.swappiness"}, 2)...)
	if g.IntN(8) == 0 {
		g.callers = append(g.callers, "behind")
		g.virtual = pick(g, virtualNames)
		g.groups = append(g.groups, g.virtual)
	}
	for i := range operations {
		g.total += operations[i].weight
	}
	var sequence []Step
	for length := 30 + g.IntN(40); len(sequence) < length; {
		sequence = append(sequence, g.steps()...)
	}
	return sequence
}

var hardNames = []string{
	strings.Repeat("n", 255), strings.Repeat("n", 256), "\xff\xfe", "line\nbreak", ".dot", "a b", "a//x", "a/x/", "a/.", "a/../b", "..x",
	"tasks", "memory.why", "…", "memory.limit_in_bytes", "a/tasks", `"*`, strings.Repeat("a/", 40), "cgroup.x", "-", "%s",
}

// steps are mostly one.
func (g *generator) steps() []Step {
	var op *operation
	weight := g.IntN(g.total)
	for i := range operations {
		if op = &operations[i]; weight < op.weight {
			break
		}
		weight -= op.weight
	}
	s := Step{Caller: pick(g, g.callers), Op: op.name}
	kinds := strings.Fields(op.args)
	path := ""
	for i, kind := range kinds {
		switch {
		case i == 0 && kind == "slot" && op.name != "open":
			if len(g.open) == 0 || g.IntN(20) == 0 {
				return []Step{g.opening(s.Caller, g.argument("path"), pick(g, words["open"]))}
			}
			if strings.Contains(op.args, "text") && g.IntN(3) == 0 {
				file := pick(g, []string{"tasks", "cgroup.procs", "memory.limit_in_bytes", pick(g, g.watched)})
				return []Step{g.opening(s.Caller, g.group()+"/"+file, "O_RDWR")}
			}
			h := pick(g, g.open)
			s.Caller, path = h.caller, h.path
			s.Args = append(s.Args, h.slot)
		case kind == "text":
			s.Args = append(s.Args, g.text(path))
		default:
			s.Args = append(s.Args, g.argument(kind))
			if kind == "path" {
				path = s.Args[i]
			}
		}
	}
	switch s.Op {
	case "open":
		return []Step{g.opening(s.Caller, path, s.Args[2])}
	case "openat":
		g.open = append(g.open, holding{s.Caller, s.Args[1], path + "/" + s.Args[2]})
	case "reopen":
		g.open = append(g.open, holding{s.Caller, s.Args[1], path})
	case "pass":
		if s.Caller == "behind" || s.Args[1] == "behind" {
			return nil // it would get or give what is on the other side
		}
		g.open = append(g.open, holding{s.Args[1], s.Args[2], path})
	case "event":
		group := g.group()
		control := g.opening(s.Caller, group+"/cgroup.event_control", "O_WRONLY")
		watched := g.opening(s.Caller, group+"/"+pick(g, []string{
			"memory.oom_control", "memory.usage_in_bytes", "memory.pressure_level", "memory.memsw.usage_in_bytes", pick(g, g.files),
		}), "O_RDONLY")
		s.Args[0], s.Args[1] = control.Args[0], watched.Args[0]
		return []Step{control, watched, s}
	case "rename":
		if g.IntN(2) == 0 { // within the group, as the kernel wants it
			s.Args[0] = g.group()
			s.Args[1] = filepath.Dir(s.Args[0]) + "/" + pick(g, []string{"x", "y", "z"})
		}
		g.live = append(g.live, s.Args[1])
	case "mkdir":
		s.Args[0] = pick(g, g.groups)
		if s.Args[0] == g.virtual {
			// Through the mount that name is taken.
			s.Caller = "behind"
		}
		g.live = append(g.live, s.Args[0])
	}
	return []Step{s}
}

// opening opens a path in one of the caller's slots.
func (g *generator) opening(caller, path, flags string) Step {
	slot := g.argument("slot")
	g.open = append(g.open, holding{caller, slot, path})
	return Step{caller, "open", []string{slot, path, flags, pick(g, words["mode"])}}
}

func pick[T any](g *generator, from []T) T { return from[g.IntN(len(from))] }

// some picks n of them, each once.
func some[T any](g *generator, from []T, n int) []T {
	from = slices.Clone(from)
	g.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:min(n, len(from))]
}

// argument makes an argument of a kind that the table of operations names.
func (g *generator) argument(kind string) string {
	switch kind {
	case "group":
		return g.group()
	case "path":
		switch g.IntN(4) {
		case 0:
			return g.group()
		case 1:
			return g.group() + "/" + pick(g, g.files)
		}
		return g.group() + "/" + pick(g, g.watched)
	case "newpath":
		if g.IntN(4) == 0 {
			return g.argument("path")
		}
		return g.group()
	case "caller":
		return pick(g, g.callers)
	case "leaf": // never .., which leads out of the groups
		if g.IntN(2) == 0 {
			return pick(g, []string{"x", "y", "a", ".", "x/tasks"})
		}
		return pick(g, g.watched)
	case "time":
		return pick(g, []string{"now", "omit", "1", "1000000000", "-1", "4294967296"})
	}
	words, ok := words[kind]
	if !ok {
		panic("no argument of the kind " + kind)
	}
	return pick(g, words)
}

func (g *generator) group() string {
	if g.IntN(5) == 0 {
		return pick(g, g.groups)
	}
	return pick(g, g.live)
}

var words = map[string][]string{
	"slot":   {"0", "1", "2"},
	"mode":   {"0755", "0700", "0644", "0600", "0000", "0555", "0711", "0666", "0777", "0111", "02755", "01777", "04755", "0770", "0070", "0007"},
	"id":     {"0", "-1", "12301", "12302", "100000", "101000", "1000", "12399"},
	"mask":   {"0", "1", "2", "3", "4", "5", "6", "7", "8"},
	"at":     {"0", "EACCESS", "NOFOLLOW", "EACCESS|NOFOLLOW"},
	"rename": {"0", "0", "0", "NOREPLACE", "EXCHANGE", "WHITEOUT", "NOREPLACE|EXCHANGE"},
	"statx":  {"0", "NOFOLLOW", "FORCE_SYNC"},
	"open": {
		"O_RDONLY", "O_RDONLY", "O_WRONLY", "O_WRONLY", "O_RDWR", "O_RDWR", "O_WRONLY|O_TRUNC", "O_WRONLY|O_APPEND",
		"O_RDWR|O_CREAT", "O_RDONLY|O_DIRECTORY", "O_RDONLY|O_DIRECTORY", "O_WRONLY|O_CREAT|O_EXCL", "O_PATH",
		"O_PATH|O_DIRECTORY", "O_RDONLY|O_NOFOLLOW", "O_RDWR|O_NOFOLLOW", "O_RDONLY|O_DIRECT", "O_RDWR|O_DIRECT",
		"O_RDONLY|O_NONBLOCK", "O_WRONLY|O_NONBLOCK", "O_RDONLY|O_TRUNC", "O_RDONLY|O_NOATIME", "O_RDWR|O_SYNC",
		"O_RDWR|O_TMPFILE", "O_ACCMODE", "O_RDONLY|O_CREAT", "O_CREAT|O_DIRECTORY", "O_WRONLY|O_DIRECTORY",
	},
	"setfl":    {"0", "O_APPEND", "O_NONBLOCK", "O_NOATIME", "O_DIRECT", "O_APPEND|O_NONBLOCK"},
	"size":     {"0", "1", "3", "10", "4096", "-1"},
	"count":    {"0", "1", "5", "64", "4096", "65536"},
	"offset":   {"0", "1", "5", "4096", "-1", "1000000"},
	"whence":   {"0", "1", "2", "3", "4", "5"},
	"buffer":   {"300", "512", "1024", "32768"},
	"xattr":    {"user.x", "trusted.x", "security.x", "system.posix_acl_access", "bad", "trusted.", "security.capability", "user." + strings.Repeat("x", 251)},
	"value":    {"", "v", "value", strings.Repeat("v", 5000)},
	"setxattr": {"0", "0", "1", "2", "3"},
	"event":    {"", "16M", "low", "1", "bogus", "critical,local"},
}

// texts are written to control files, whatever these take.
var texts = []string{
	"20M", "-1", "0x1000000", "33554432", "bogus", "20MB", "-5", "16384k\n", "50000000", "64M ", "  64M", "\t64m\n", "020000000000",
	"M", "16E", "20M 30M", "20\x00M", "64M\x00", "100", "0", "1", "2", "60", "101", "200", "-1\n", "+64M", "1.5G", "max", "64MiB", "0x4000000", "0X4000000",
	"18446744073709551615", "18446744073709551616", "9223372036854771712", "99999999999999999999999", "7E", "8E", "0x", "08", "4194305", "abc", "\n", "1\n1\n",
}

var subjects = []string{"0", "self", "child", "child", "child", "thread", "gone"}

// text is for the file at path: numbers of tasks for a list of them, sizes and
// the like for others.
func (g *generator) text(path string) string {
	if (g.IntN(8) != 0) == listsTasks(path) {
		who := pick(g, subjects)
		if g.IntN(3) == 0 {
			who = pick(g, g.callers) + pick(g, []string{"", ".child", ".thread"})
		}
		return pick(g, []string{"pid", "pid", "pid", "pid", "pid", "hex", "oct", "plus", "nul"}) + ":" + who
	}
	switch g.IntN(10) {
	case 0:
		n := pick(g, []int{4094, 4095, 4096, 4097, 5000, 70000})
		return strings.Repeat(pick(g, []string{"1", " ", "0"}), n)
	case 1:
		const letters = "0123456789xXkKmMgGbB-+.% \n\x00\xff"
		b := make([]byte, 1+g.IntN(6))
		for i := range b {
			b[i] = letters[g.IntN(len(letters))]
		}
		return string(b)
	case 2:
		return strconv.Itoa(16<<20+g.IntN(1<<30)) + pick(g, []string{"", "\n", "k", " "})
	case 3:
		return fmt.Sprint(g.IntN(300))
	}
	return pick(g, texts)
}
