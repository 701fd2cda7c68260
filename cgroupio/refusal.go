package cgroupio

import (
	"bytes"
	"strconv"
	"strings"
	"syscall"
)

// Refusal is a write that memcgfs or the kernel turned down: the value, the
// reason with its numbers, and what would work.
type Refusal struct {
	Value  string // quoted; empty where the request has none
	Reason string
	Try    string
	Errno  syscall.Errno
}

// Error is one sentence: `"20X": unknown unit "X"; write …`.
func (r *Refusal) Error() string {
	text := r.Reason
	if r.Value != "" {
		text = r.Value + ": " + text
	}
	if r.Try != "" {
		text += "; " + r.Try
	}
	return text
}

// Unwrap is the errno that the caller gets.
func (r *Refusal) Unwrap() error { return r.Errno }

// quote shows a value in a sentence, in one line and not too long.
func quote(text []byte) string {
	const most = 40
	text = bytes.TrimSuffix(text, []byte("\n"))
	if len(text) > most {
		return strconv.Quote(string(text[:most])) + "…"
	}
	return strconv.Quote(string(text))
}

// Name shows a name in a sentence: as it is, or quoted where it could be taken
// for a part of it. Users choose the names of groups and processes.
func Name(name string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+"
	if name != "" && strings.Trim(name, plain) == "" {
		return name
	}
	return strconv.Quote(name)
}
