// Package differ makes random sequences of system calls on two groups of the
// kernel's tree, on one of them directly and on the other through a mount of
// memcgfs, as callers of many kinds, and finds where the two do not end alike.
//
// A [Step] is a line of text, and so a sequence is a file that can be run
// again. Each caller is a process of its own, which makes a step on both
// sides.
package differ

import (
	"fmt"
	"strconv"
	"strings"
)

// Step is one operation by one caller.
type Step struct {
	Caller, Op string
	Args       []string
}

// String is the line that [Parse] reads: `owner mkdir a/x 0755`.
func (s Step) String() string {
	words := []string{s.Caller, s.Op}
	for _, arg := range s.Args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// quote gives a word that stands for arg: itself, or in Go's quotes, and with
// *N behind it for N times the same byte.
func quote(arg string) string {
	if n := len(arg); n > 16 && arg == strings.Repeat(arg[:1], n) {
		return strconv.Quote(arg[:1]) + "*" + strconv.Itoa(n)
	}
	if arg == "" || strings.ContainsFunc(arg, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"#\`, r)
	}) {
		return strconv.Quote(arg)
	}
	return arg
}

// Parse reads a sequence: a step on each line. Empty lines and those that begin
// with # count for nothing.
func Parse(text string) (sequence []Step, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		words, err := split(line)
		if err != nil {
			return nil, fmt.Errorf("step %q: %w", line, err)
		}
		if len(words) < 2 {
			return nil, fmt.Errorf("step %q: want a caller and an operation", line)
		}
		s := Step{Caller: words[0], Op: words[1], Args: words[2:]}
		op := operationByName(s.Op)
		if op == nil || callerByName(s.Caller) == nil || len(s.Args) != len(strings.Fields(op.args)) {
			return nil, fmt.Errorf("step %q: no such caller or operation, or not its arguments", line)
		}
		sequence = append(sequence, s)
	}
	return sequence, nil
}

func split(line string) (words []string, err error) {
	for line != "" {
		var word string
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, err
			}
			line = line[len(quoted):]
			if word, err = strconv.Unquote(quoted); err != nil {
				return nil, err
			}
			if times, ok := strings.CutPrefix(line, "*"); ok {
				times, line, _ = strings.Cut(times, " ")
				n, err := strconv.Atoi(times)
				if err != nil {
					return nil, err
				}
				word = strings.Repeat(word, n)
			}
		} else {
			word, line, _ = strings.Cut(line, " ")
		}
		words = append(words, word)
		line = strings.TrimLeft(line, " ")
	}
	return words, nil
}
