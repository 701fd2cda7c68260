package differ

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
)

// Pair is a group on the kernel's tree and its twin, which callers reach
// through a mount.
type Pair struct {
	raw, twin string // both in the kernel's tree
	mounted   string // the twin, through the mount
	oracle    string // a group that nobody is in
	fresh     state  // of a group before a sequence
	// noSizes says that the sizes of control files are not alike: without
	// passthrough memcgfs gives them one, for sendfile to read up to.
	noSizes bool
	crowd   *crowd
	Files   []string // the control files that a group has
}

// Difference is where a sequence does not end alike.
type Difference struct {
	Sequence     []Step
	At           int // the step, len(Sequence) for what has come of it all
	Raw, Mounted string
}

func (d *Difference) String() string {
	var b strings.Builder
	for i, s := range d.Sequence {
		fmt.Fprintln(&b, s)
		if i == d.At {
			break
		}
	}
	if d.At == len(d.Sequence) {
		b.WriteString("# what has come of it\n")
	}
	fmt.Fprintf(&b, "# raw:     %s\n# mounted: %s\n", d.Raw, d.Mounted)
	return b.String()
}

// NewPair makes the groups, for a mount of the whole tree at dir, and starts
// the callers. Close ends it all.
func NewPair(dir string) (*Pair, error) {
	p := &Pair{}
	for _, group := range []*string{&p.raw, &p.twin, &p.oracle} {
		var err error
		if *group, err = testgroup.Make(); err != nil {
			p.Close()
			return nil, err
		}
	}
	p.mounted = filepath.Join(dir, filepath.Base(p.twin))
	if st, err := os.Stat(filepath.Join(p.mounted, "memory.usage_in_bytes")); err == nil {
		p.noSizes = st.Size() > 0
	}
	entries, err := os.ReadDir(p.oracle)
	for _, e := range entries {
		p.Files = append(p.Files, e.Name())
	}
	if err == nil {
		p.crowd, err = newCrowd()
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close ends the callers and removes the groups.
func (p *Pair) Close() error {
	var err error
	for _, dir := range []string{p.raw, p.twin, p.oracle} {
		if dir == "" {
			continue
		}
		if p.crowd != nil {
			err = firstOf(err, p.crowd.evacuate(dir))
		}
		if err == nil {
			err = testgroup.Remove(dir)
		}
	}
	if p.crowd != nil {
		p.crowd.close()
	}
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// fixture are the groups that each sequence finds, with their owners.
var fixture = map[string]int{"a": ownerID, "b": 0, "n": nsRootID}

// reset makes both groups as good as new, for some of the callers.
func (p *Pair) reset(used map[string]bool) error {
	for _, dir := range []string{p.raw, p.twin} {
		if err := p.crowd.evacuate(dir); err != nil {
			return err
		}
		if err := testgroup.Remove(dir); err != nil {
			return err
		}
		if err := unix.Mkdir(dir, 0o755); err != nil {
			return err
		}
		for name, owner := range fixture {
			group := filepath.Join(dir, name)
			if err := unix.Mkdir(group, 0o755); err != nil {
				return err
			}
			if owner == 0 {
				continue
			}
			for _, file := range append([]string{"."}, p.Files...) {
				if err := unix.Chown(filepath.Join(group, file), owner, owner); err != nil {
					return err
				}
			}
		}
	}
	if p.fresh == nil {
		var err error
		if p.fresh, err = p.stateOf(p.twin); err != nil {
			return err
		}
	}
	for _, m := range p.crowd.members {
		if !used[m.caller.name] {
			continue
		}
		dirs := []string{p.raw, p.mounted}
		if m.caller.behind {
			dirs[1] = p.twin
		}
		if _, _, err := m.ask(request{Dirs: dirs, NoSizes: p.noSizes}); err != nil {
			return err
		}
	}
	return nil
}

// Run makes the steps on fresh groups, and gives the first difference, nil for
// none. An error is the tester's own.
func (p *Pair) Run(sequence []Step) (*Difference, error) {
	used := map[string]bool{}
	for _, s := range sequence {
		used[s.Caller] = true
		if s.Op == "pass" {
			used[s.Args[1]] = true
		}
	}
	if err := p.reset(used); err != nil {
		return nil, err
	}
	for i, s := range sequence {
		if p.namesVirtual(s) {
			continue
		}
		var got [2]string
		for side := range got {
			var err error
			if got[side], err = p.step(s, side); err != nil {
				return nil, fmt.Errorf("%s, on side %d: %w", s, side, err)
			}
		}
		if got[0] == got[1] {
			continue
		}
		if !known(sequence[:i+1], got) {
			return &Difference{sequence, i, got[0], got[1]}, nil
		}
		if strings.HasPrefix(got[0], "ok") != strings.HasPrefix(got[1], "ok") {
			return nil, nil // from here on they have a right to differ
		}
	}
	if raw, mounted, err := p.unlike(); err != nil || raw != mounted {
		return &Difference{sequence, len(sequence), raw, mounted}, err
	}
	return nil, nil
}

// namesVirtual says that a step is about a virtual file, which the kernel's tree
// does not have: unless there is a group of that name, by which it is hidden.
func (p *Pair) namesVirtual(s Step) bool {
	if callerByName(s.Caller).behind {
		return false
	}
	for i, kind := range strings.Fields(operationByName(s.Op).args) {
		if !strings.HasSuffix(kind, "path") && kind != "group" {
			continue
		}
		at := p.raw
		for name := range strings.SplitSeq(s.Args[i], "/") {
			at = filepath.Join(at, name)
			if _, err := os.Lstat(at); err != nil && slices.Contains(virtualNames, name) {
				return true
			}
		}
	}
	return false
}

// step has the caller make a step on one side, and tells with the outcome which
// tasks have been moved by it.
func (p *Pair) step(s Step, side int) (string, error) {
	m := p.crowd.byName(s.Caller)
	r := request{Step: s.String(), Side: side}
	writes := ""
	for i, kind := range strings.Fields(operationByName(s.Op).args) {
		if kind == "text" {
			writes = s.Args[i]
			r.Text = judge(p.oracle, writes)
		}
	}
	answer, file, err := m.ask(r)
	if err != nil {
		return "", err
	}
	if s.Op == "pass" && file >= 0 {
		defer unix.Close(file)
		_, _, err := p.crowd.byName(s.Args[1]).ask(request{Side: side, Take: s.Args[2], Path: answer.Path}, file)
		return answer.Outcome, err
	}
	if _, who, ok := cutPid(writes); ok {
		moved, err := p.crowd.moved(m, who, side, []string{p.raw, p.twin}[side])
		return answer.Outcome + moved, err
	}
	return answer.Outcome, nil
}
