// Package testdoc reads the project's documents for the tests that hold them
// to the code.
package testdoc

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Path finds a document, named from the top of the module, from within any of
// its packages.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, name)
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("not within the module")
		}
		dir = filepath.Dir(dir)
	}
}

// Read is a document's text.
func Read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var codeSpan = regexp.MustCompile("`+ ?(.*?) ?`+")

// Table gives the cells of the table whose head is given, without the marks of
// code around them.
func Table(t testing.TB, page, head string) (rows [][]string) {
	t.Helper()
	_, table, found := strings.Cut(page, "\n"+head+"\n")
	if !found {
		t.Fatalf("no table %s", head)
	}
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i, cell := range cells {
			cell = strings.TrimSpace(cell)
			if m := codeSpan.FindStringSubmatch(cell); m != nil && m[0] == cell {
				cell = m[1]
			}
			cells[i] = cell
		}
		rows = append(rows, cells)
	}
	if len(rows) == 0 {
		t.Fatalf("the table %s is empty", head)
	}
	return rows
}

// A Step is a command of a session and what it prints.
type Step struct{ Command, Output string }

// Sessions gives what the fenced blocks of the kind console hold: each line
// after a # is typed, and what follows it is printed.
func Sessions(page string) (steps []Step) {
	inside := false
	for line := range strings.Lines(page) {
		command, typed := strings.CutPrefix(line, "# ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.TrimSpace(line) == "```console"
		case inside && typed:
			steps = append(steps, Step{Command: strings.TrimSuffix(command, "\n")})
		case inside && len(steps) > 0:
			steps[len(steps)-1].Output += line
		}
	}
	return steps
}

var (
	measured = regexp.MustCompile(`\b(\d+\.\d+[KMGTPE]?|\d+%|0)(\s|\b|$)`)
	blanks   = regexp.MustCompile(`[ \t]+`)
	job      = regexp.MustCompile(`(?m)^\[\d+\].*\n?(( {4}|done|\(wd now: ).*\n?)*`)
	shell    = regexp.MustCompile(`(?m)^[a-z/]*sh: (line \d+: )?(echo: )?`)
)

// Form leaves of a session's text what is the same each time: sizes with a
// decimal, percentages and 0 are measured, a shell tells of its jobs and names
// itself in its own way, and columns are as wide as they must be.
func Form(text string) string {
	text = job.ReplaceAllString(text, "")
	text = shell.ReplaceAllString(text, "sh: ")
	text = measured.ReplaceAllString(text, "N$2")
	text = blanks.ReplaceAllString(text, " ")
	text = strings.ReplaceAll(text, " \n", "\n")
	return strings.TrimSpace(text)
}

// Same says whether a document shows what a session prints. Three dots in the
// document stand for anything.
func Same(shown, printed string) bool {
	pattern := regexp.QuoteMeta(Form(shown))
	pattern = strings.ReplaceAll(pattern, `\.\.\.`, `(?s:.*)`)
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(Form(printed))
}
