package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"memcgfs/internal/testgroup"
)

// TestRest counts what the program, built as make builds it and without the
// race detector, costs when nobody uses it.
func TestRest(t *testing.T) {
	testgroup.Require(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "memcgfs")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "memcgfs/cmd/memcgfs")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build memcgfs: %v\n%s", err, out)
	}
	s, err := startServer(t.Context(), filepath.Join(dir, "mnt"), program, "-f")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	// Somebody else on the machine may ask something of every mount, and Go's
	// monitor wakes once a minute; a timer of our own would wake the program
	// each time.
	var r rest
	for range 3 {
		if r, err = measureRest(t.Context(), s.pid(), settle, 3*time.Second); err != nil {
			t.Fatal(err)
		}
		if r.resident > residentTarget {
			t.Errorf("%s are resident after start, want at most %s", mebibytes(r.resident), mebibytes(residentTarget))
		}
		if r.wakeups == 0 {
			return
		}
	}
	t.Errorf("%d wakeups in 3 idle seconds, want none", r.wakeups)
}
