package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memcgfs/internal/testdoc"
	"memcgfs/internal/testgroup"
	"memcgfs/internal/testmount"
)

// onTest puts a test's own part of a mount in the place of the whole tree that
// the documents speak of. Nothing else of their commands is changed.
func onTest(text, group string) string { return strings.ReplaceAll(text, "/mnt/memcg", group) }

// TestExercise types the exercise, word for word, at a terminal: in bash with
// the usual programs and in busybox's ash with busybox's, as Alpine has them.
func TestExercise(t *testing.T) {
	testgroup.Require(t)
	steps := testdoc.Sessions(testdoc.Read(t, "docs/exercise.md"))
	if french := testdoc.Sessions(testdoc.Read(t, "docs/exercice.md")); !slices.Equal(steps, french) {
		t.Errorf("the French exercise has other commands or other output than the English one:\n%q\n%q", french, steps)
	}
	for _, shell := range []string{"bash", "ash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			raw := testgroup.New(t)
			m := testmount.Start(t)
			group := filepath.Join(m.Dir, filepath.Base(raw))
			// Without swap the loop meets its limit on every machine alike;
			// groups below inherit it.
			_ = os.WriteFile(filepath.Join(raw, "memory.swappiness"), []byte("0"), 0)
			// The loop's sleep takes a tenth of its time, and nothing else
			// of the session is hurried.
			term := newTerminal(t, shell, "/", `sleep() { command sleep "0.$1"; }`)
			e := exercise{t: t, raw: filepath.Join(raw, "my_group")}
			for _, step := range steps {
				printed := term.run(onTest(step.Command, group), e.enough(step.Command))
				t.Logf("# %s\n%s", step.Command, printed)
				if !testdoc.Same(step.Output, printed) {
					t.Errorf("# %s\nprints\n%s\nand the exercise shows\n%s", step.Command, printed, step.Output)
				}
				switch {
				case strings.HasPrefix(step.Command, "ls "):
					for _, name := range []string{"memory.limit_in_bytes", "memory.usage_in_bytes", "tasks", "why", "usage.live"} {
						if !slices.Contains(strings.Fields(printed), name) {
							t.Errorf("%s is not among the files:\n%s", name, printed)
						}
					}
				case strings.HasPrefix(step.Command, "watch "):
					if n := numbersSeen(printed); n < 2 {
						t.Errorf("watch shows %d numbers, and should follow the usage:\n%q", n, printed)
					}
				}
			}
			if e.met != 3 {
				t.Errorf("the loop met its limit %d times, and should have 3 times", e.met)
			}
		})
	}
}

// TestReadme types the session at the top of the README, as the demo does, and
// compares the page with what it speaks of.
func TestReadme(t *testing.T) {
	testgroup.Require(t)
	page := testdoc.Read(t, "README.md")
	raw := testgroup.New(t)
	mnt := filepath.Join(t.TempDir(), "mnt")
	t.Cleanup(func() { _ = unix.Unmount(mnt, unix.MNT_DETACH) })
	replace := strings.NewReplacer("memcgfs /mnt/memcg", "memcgfs "+mnt, "/mnt/memcg", filepath.Join(mnt, filepath.Base(raw)))
	term := newTerminal(t, "bash", "/", "")
	for _, step := range testdoc.Sessions(page) {
		printed := term.run(replace.Replace(step.Command), nil)
		if !testdoc.Same(step.Output, inColumns(printed)) {
			t.Errorf("# %s\nprints\n%s\nand the README shows\n%s", step.Command, inColumns(printed), step.Output)
		}
	}

	var files, all []string
	for _, row := range testdoc.Table(t, page, "| file | reads as | takes |") {
		files = append(files, row[0])
	}
	for _, row := range testdoc.Table(t, testdoc.Read(t, "docs/files.md"), "| file | mode | reads as | takes |") {
		name, _, _ := strings.Cut(strings.Trim(row[0], "[`"), "`")
		all = append(all, name)
	}
	if !slices.Equal(files, all) {
		t.Errorf("the README has the files %v, and docs/files.md has %v", files, all)
	}
}

var link = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)

// TestLinks follows what links the documents have to files of this repository.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob(testdoc.Path(t, "docs/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, testdoc.Path(t, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range link.FindAllStringSubmatch(string(text), -1) {
			target := page
			if to[1] != "" {
				target = filepath.Join(filepath.Dir(page), to[1])
			}
			there, err := os.ReadFile(target)
			if st, serr := os.Stat(target); serr == nil && st.IsDir() {
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(page), err)
			} else if to[2] != "" && !slices.Contains(anchors(string(there)), to[2]) {
				t.Errorf("%s: there is no #%s in %s", filepath.Base(page), to[2], filepath.Base(target))
			}
		}
	}
}

// anchors are the names of a page's headings in links.
func anchors(page string) (names []string) {
	drop := regexp.MustCompile(`[^\pL\pN _-]`)
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") {
			heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
			names = append(names, strings.ReplaceAll(drop.ReplaceAllString(heading, ""), " ", "-"))
		}
	}
	return names
}

// inColumns breaks lines as a terminal of 80 columns does.
func inColumns(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		for len(line) > 81 {
			b.WriteString(line[:80] + "\n")
			line = line[80:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// TestHelp keeps the help within 80 columns.
func TestHelp(t *testing.T) {
	out, err := exec.Command("memcgfs", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

// exercise knows how far the loop of the exercise has got.
type exercise struct {
	t   testing.TB
	raw string
	met int // how often its limit was met
}

// enough says when a command that does not end by itself has shown enough:
// when the usage stands still at the limit, or the kernel has ended a process
// for want of memory, and the command has had the time to show it.
func (e *exercise) enough(command string) func(string) bool {
	if !strings.HasPrefix(command, "watch ") && !strings.HasPrefix(command, "tail -f ") {
		return nil
	}
	var since time.Time
	return func(string) bool {
		switch limit := e.number("memory.limit_in_bytes"); {
		case e.number("memory.usage_in_bytes") < limit-limit/20 && !e.killed():
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > 2500*time.Millisecond: // watch looks every 2 s
			e.met++
			return true
		}
		return false
	}
}

func (e *exercise) number(file string) int {
	text, err := os.ReadFile(filepath.Join(e.raw, file))
	n, nerr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || nerr != nil {
		e.t.Fatal(err, nerr)
	}
	return n
}

var oomKill = regexp.MustCompile(`(?m)^oom_kill [1-9]`)

func (e *exercise) killed() bool {
	text, _ := os.ReadFile(filepath.Join(e.raw, "memory.oom_control"))
	return oomKill.Match(text)
}
