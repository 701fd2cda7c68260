package fsnode

import (
	"container/list"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"memcgfs/cgroupio"
)

// journal remembers why requests were refused, for each group and user the
// last few. When it is full, whoever has the most in it loses his oldest, so
// that nobody pushes out what others have had.
type journal struct {
	mu     sync.Mutex
	kept   map[journalKey]*list.Element // of *refusals
	recent map[uint32]*list.List        // of each user, the latest first
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
	// mostLine keeps the lines of one user within a page.
	mostLine = page/mostLines - 1
)

// note adds a line about the file, or the name that was to become one; what is
// told twice in a row is kept once.
func (j *journal) note(group uint64, uid uint32, file string, err error) {
	line := oneLine(cgroupio.Name(file) + ": " + err.Error())
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.kept == nil {
		j.kept = make(map[journalKey]*list.Element)
		j.recent = make(map[uint32]*list.List)
	}
	if j.recent[uid] == nil {
		j.recent[uid] = list.New()
	}
	key := journalKey{group, uid}
	e := j.kept[key]
	if e == nil {
		e = j.recent[uid].PushFront(&refusals{journalKey: key})
		j.kept[key] = e
		if len(j.kept) > mostKept {
			j.drop()
		}
	}
	j.recent[uid].MoveToFront(e)
	r := e.Value.(*refusals)
	if n := len(r.lines); n > 0 && r.lines[n-1] == line {
		return
	}
	if r.lines = append(r.lines, line); len(r.lines) > mostLines {
		r.lines = r.lines[1:]
	}
}

// drop takes the oldest from the user who has the most.
func (j *journal) drop() {
	var most uint32
	for uid, l := range j.recent {
		if j.recent[most] == nil || l.Len() > j.recent[most].Len() {
			most = uid
		}
	}
	l := j.recent[most]
	last := l.Remove(l.Back()).(*refusals)
	delete(j.kept, last.journalKey)
	if l.Len() == 0 {
		delete(j.recent, most)
	}
}

// read gives the refusals of one user in a group, the latest last. The group's
// owner and root are told those of everybody, as many as fit on a page, and
// whose they were.
func (j *journal) read(group uint64, uid, owner uint32) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	size := 0
	add := func(uid uint32, prefix string) {
		e := j.kept[journalKey{group, uid}]
		if e == nil {
			return
		}
		own := e.Value.(*refusals).lines
		for i := len(own) - 1; i >= 0; i-- {
			if size += len(prefix) + len(own[i]) + 1; size > page {
				return
			}
			lines = append(lines, prefix+own[i])
		}
	}
	add(uid, "")
	if uid == 0 || uid == owner {
		for _, other := range slices.Sorted(maps.Keys(j.recent)) {
			if other != uid && size <= page {
				add(other, cgroupio.UserName(other)+": ")
			}
		}
	}
	slices.Reverse(lines)
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// oneLine keeps a refusal to a line of valid text, however odd the names in it.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
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
