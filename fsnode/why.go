package fsnode

import (
	"container/list"
	"strings"
	"sync"
	"unicode/utf8"
)

// journal remembers why requests were refused, for each group and user the
// last few. A user who fills it pushes out what others have had only when more
// than mostKept groups and users are in it.
type journal struct {
	mu     sync.Mutex
	kept   map[journalKey]*list.Element // of *refusals
	recent list.List                    // the latest first
}

type journalKey struct {
	group uint64
	uid   uint32
}

type refusals struct {
	journalKey
	lines []string // the oldest first
}

const (
	mostKept  = 1024
	mostLines = 8
	// mostLine keeps the lines of one user within the page that a virtual
	// file reports as its size.
	mostLine = page/mostLines - 1
)

// note adds a line; what is told twice in a row is kept once.
func (j *journal) note(group uint64, uid uint32, file string, err error) {
	line := oneLine(file + ": " + err.Error())
	j.mu.Lock()
	defer j.mu.Unlock()
	key := journalKey{group, uid}
	e := j.kept[key]
	if e == nil {
		if j.kept == nil {
			j.kept = make(map[journalKey]*list.Element)
		}
		e = j.recent.PushFront(&refusals{journalKey: key})
		j.kept[key] = e
		if j.recent.Len() > mostKept {
			last := j.recent.Remove(j.recent.Back()).(*refusals)
			delete(j.kept, last.journalKey)
		}
	}
	j.recent.MoveToFront(e)
	r := e.Value.(*refusals)
	if n := len(r.lines); n > 0 && r.lines[n-1] == line {
		return
	}
	if r.lines = append(r.lines, line); len(r.lines) > mostLines {
		r.lines = r.lines[1:]
	}
}

// read gives the refusals of one user in a group, the latest last. The group's
// owner and root are told those of everybody, as many as fit on a page.
func (j *journal) read(group uint64, uid, owner uint32) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	size := 0
	add := func(r *refusals) {
		for i := len(r.lines) - 1; i >= 0; i-- {
			if size += len(r.lines[i]) + 1; size > page {
				return
			}
			lines = append(lines, r.lines[i])
		}
	}
	if e := j.kept[journalKey{group, uid}]; e != nil {
		add(e.Value.(*refusals))
	}
	if uid == 0 || uid == owner {
		for e := j.recent.Front(); e != nil && size <= page; e = e.Next() {
			if r := e.Value.(*refusals); r.group == group && r.uid != uid {
				add(r)
			}
		}
	}
	var b strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		b.WriteString(lines[i])
		b.WriteByte('\n')
	}
	return b.String()
}

// oneLine keeps a refusal to a line of valid text, however odd the names in it.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) <= mostLine {
		return s
	}
	cut := mostLine - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
