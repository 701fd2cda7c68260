package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// rest is what a server costs that nobody uses.
type rest struct {
	resident int64 // bytes
	wakeups  int64
}

// measureRest lets a server settle, and watches it for a while.
func measureRest(ctx context.Context, pid int, settle, idle time.Duration) (r rest, err error) {
	if err = sleep(ctx, settle); err != nil {
		return rest{}, err
	}
	if r.resident, err = resident(pid); err != nil {
		return rest{}, err
	}
	before, err := switches(pid)
	if err != nil {
		return rest{}, err
	}
	if err = sleep(ctx, idle); err != nil {
		return rest{}, err
	}
	after, err := switches(pid)
	r.wakeups = after - before
	return r, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", ctx.Err())
	case <-time.After(d):
		return nil
	}
}

// resident is VmRSS in bytes.
func resident(pid int) (int64, error) {
	kib, err := statusField(fmt.Sprintf("/proc/%d/status", pid), "VmRSS")
	return kib << 10, err
}

// switches counts how often any thread of a process has left a processor: a
// thread that was woken does so again.
func switches(pid int) (sum int64, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err == nil && len(threads) == 0 {
		err = fmt.Errorf("process %d has ended", pid)
	}
	for _, path := range threads {
		for _, field := range []string{"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"} {
			n, ferr := statusField(path, field)
			sum, err = sum+n, errors.Join(err, ferr)
		}
	}
	return sum, err
}

// statusField is a number in a status file of proc(5).
func statusField(path, field string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte(field+":")); ok {
			return strconv.ParseInt(string(bytes.Fields(value)[0]), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, field)
}
