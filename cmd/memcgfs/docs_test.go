package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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
					if n := distinct(printed); n < 2 {
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

var bigNumber = regexp.MustCompile(`\d{5,}`)

func distinct(printed string) int {
	numbers := bigNumber.FindAllString(printed, -1)
	slices.Sort(numbers)
	return len(slices.Compact(numbers))
}
