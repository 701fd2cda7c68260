package vm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Result is what became of one test inside, or with no Name, of a package.
type Result struct {
	Name   string
	Action string // pass, fail or skip; "" for a test that did not end
	Output string // its own, without that of its subtests
	Sub    []*Result
}

// Run boots the cell, runs the tests in it and gives their results by package.
// Lines that tell of progress go to progress as they come. An error has the
// end of what the machine said.
func Run(ctx context.Context, c Cell, k Kernel, image string, progress func(line string)) ([]*Result, error) {
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := start(ctx, c, k, image, "test", nil, w)
		w.CloseWithError(io.EOF)
		ended <- err
	}()
	s := session{progress: progress}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		s.line(line)
		if err != nil {
			break
		}
	}
	err := <-ended
	s.endPackage("") // of a machine that died in one
	switch {
	case err != nil:
	case s.exit == "":
		err = fmt.Errorf("the machine of cell %s ended before the tests", c.Name)
	case s.exit != "0":
		err = fmt.Errorf("the tests in cell %s failed", c.Name)
	}
	if err = errors.Join(err, s.err); err != nil {
		err = fmt.Errorf("%w; it said outside of tests, or last:\n%s", err, s.tail())
	}
	return s.results, err
}

// session reads the console.
type session struct {
	progress func(string)
	pkg      string       // that runs now
	text     bytes.Buffer // its output
	other    []string     // lines outside of packages
	results  []*Result
	exit     string
	err      error
}

const marker = "memcgfs-vm: "

func (s *session) line(line string) {
	line = strings.ReplaceAll(line, "\r\n", "\n")
	word, arg, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, marker)), " ")
	switch {
	case strings.HasPrefix(line, marker) && word == "start":
		s.pkg = arg
		s.text.Reset()
	case strings.HasPrefix(line, marker) && word == "end":
		s.endPackage(arg)
	case strings.HasPrefix(line, marker) && word == "exit":
		s.exit = arg
	case s.pkg != "":
		s.text.WriteString(line)
		// test2json's mark of a line that is the testing package's.
		if said, ok := strings.CutPrefix(strings.TrimSpace(line), "\x16"); ok && strings.HasPrefix(said, "--- ") {
			s.progress(said)
		}
	case strings.TrimSpace(line) != "":
		s.other = append(s.other, line)
	}
}

// tail is what a reader needs to understand a machine that went wrong.
func (s *session) tail() string {
	if len(s.other) > 100 {
		s.other = s.other[len(s.other)-100:]
	}
	return strings.Join(s.other, "")
}

// endPackage turns the output of the package's tests into results.
func (s *session) endPackage(code string) {
	if s.pkg == "" {
		return
	}
	pkg := &Result{Name: s.pkg, Action: "pass"}
	s.results = append(s.results, pkg)
	if code != "0" {
		pkg.Action = "fail"
		if code == "" {
			pkg.Action = ""
			s.other = append(s.other, s.text.String())
		}
	}
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = bytes.NewReader(s.text.Bytes())
	out, err := cmd.Output()
	if err != nil {
		s.err = errors.Join(s.err, fmt.Errorf("test2json: %w", err))
	}
	all := map[string]*Result{"": pkg}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var e struct{ Action, Test, Output string }
		if d.Decode(&e) != nil {
			break
		}
		r := result(all, e.Test)
		switch e.Action {
		case "output":
			r.Output += e.Output
		case "pass", "fail", "skip":
			if e.Test != "" {
				r.Action = e.Action
			}
		}
	}
	s.pkg = ""
}

// result finds the test's, or makes it and those that it is under.
func result(all map[string]*Result, test string) *Result {
	if r := all[test]; r != nil {
		return r
	}
	parent, name := "", test
	if i := strings.LastIndex(test, "/"); i >= 0 {
		parent, name = test[:i], test[i+1:]
	}
	above := result(all, parent)
	r := &Result{Name: name}
	above.Sub = append(above.Sub, r)
	all[test] = r
	return r
}
