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
