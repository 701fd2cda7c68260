package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// numbersSeen counts the different numbers that stood on a line of their own on
// the screen of a terminal that was sent all this. Programs such as watch send
// only what has changed.
func numbersSeen(sent string) int {
	seen := map[string]bool{}
	var s screen
	for len(sent) > 0 {
		if m := control.FindStringSubmatch(sent); m != nil {
			// The cursor goes away when a picture is complete.
			for _, line := range s.lines {
				if text := strings.TrimSpace(string(line)); number.MatchString(text) {
					seen[text] = true
				}
			}
			s.do(m[2], m[1])
			sent = sent[len(m[0]):]
			continue
		}
		s.put(sent[0])
		sent = sent[1:]
	}
	return len(seen)
}

var (
	number = regexp.MustCompile(`^[0-9]+$`)
	// control is a control sequence: parameters and the letter for what to do.
	control = regexp.MustCompile(`^\x1b(?:\[([0-9;?]*)([A-Za-z])|[()].|[=>78])`)
)

// screen is what a terminal shows, as far as the programs here need it.
type screen struct {
	lines       [][]byte
	row, column int
}

func (s *screen) put(c byte) {
	switch c {
	case '\r':
		s.column = 0
	case '\n':
		s.row++
	case '\b':
		s.column = max(0, s.column-1)
	default:
		if c < ' ' {
			return
		}
		for s.row >= len(s.lines) {
			s.lines = append(s.lines, nil)
		}
		for s.column >= len(s.lines[s.row]) {
			s.lines[s.row] = append(s.lines[s.row], ' ')
		}
		s.lines[s.row][s.column] = c
		s.column++
	}
}

// do is one of the control sequences of console_codes(4).
func (s *screen) do(what, parameters string) {
	arg := func(i, unset int) int {
		fields := strings.Split(parameters, ";")
		if i >= len(fields) || fields[i] == "" {
			return unset
		}
		n, _ := strconv.Atoi(fields[i])
		return n
	}
	switch what {
	case "H":
		s.row, s.column = arg(0, 1)-1, arg(1, 1)-1
	case "d":
		s.row = arg(0, 1) - 1
	case "G":
		s.column = arg(0, 1) - 1
	case "C":
		s.column += arg(0, 1)
	case "K":
		if s.row < len(s.lines) && s.column < len(s.lines[s.row]) {
			s.lines[s.row] = s.lines[s.row][:s.column]
		}
	case "J":
		s.lines = s.lines[:min(s.row, len(s.lines))]
	}
}

func TestNumbersSeen(t *testing.T) {
	for sent, want := range map[string]int{
		"":                                   0,
		"\x1b[H\x1b[JEvery 2s\r\n\r\n12\r\n": 0, // the picture is not complete
		"\x1b[H\x1b[J12\r\n\x1b[H\x1b[J13\r\n\x1b[H": 2,
		// 0, then 9716800 over it, then the 7 alone becomes an 8.
		"\x1b[3;1H0\x1b[24;200H\x1b[3;1H9716800\x1b[24;1H\x1b[3;2H8\x1b[24;1H": 3,
		"\x1b[3;1H1234\x1b[24;1H\x1b[3d\x1b[2G\x1b[K\x1b[24;1H":                2,
	} {
		if got := numbersSeen(sent); got != want {
			t.Errorf("%q shows %d numbers, want %d", sent, got, want)
		}
	}
}
