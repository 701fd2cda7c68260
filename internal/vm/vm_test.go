//go:build vm

package vm

import (
	"context"
	"errors"
	"flag"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	inside = flag.String("inside", "", "run only those tests in the virtual machines that match this regular expression")
	limit  = flag.Duration("cell-timeout", 8*time.Minute, "how long the tests of one cell may take")
)

// TestVM runs this module's tests on the kernels of the matrix. Each test
// inside is a subtest here: go test ./internal/vm -run TestVM/6.1 -v
func TestVM(t *testing.T) {
	for _, program := range []string{qemu, "apt-get", "dpkg"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("this machine has no %s: the tests on other kernels were left out", program)
		}
	}
	began := time.Now()
	kernels := map[string]Kernel{}
	var all []Kernel
	for _, suite := range Suites(Cells) {
		k, err := FetchKernel(suite)
		if err != nil {
			t.Fatal(err)
		}
		kernels[suite] = k
		all = append(all, k)
	}
	image := filepath.Join(t.TempDir(), "initramfs")
	if err := BuildImage(image, all, *inside); err != nil {
		t.Fatal(err)
	}
	t.Logf("kernels and image ready after %.1fs", time.Since(began).Seconds())
	for _, c := range Cells {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeoutCause(t.Context(), *limit, errors.New("the tests took longer than -cell-timeout"))
			defer stop()
			k := kernels[c.Suite]
			began := time.Now()
			results, err := Run(ctx, c, k, image, func(line string) { t.Log(line) })
			t.Logf("Linux %s, %.1fs", k.Release, time.Since(began).Seconds())
			for _, r := range results {
				r.report(t)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// report makes a test inside a subtest here, with all that it said.
func (r *Result) report(t *testing.T) {
	t.Run(strings.ReplaceAll(r.Name, "/", "-"), func(t *testing.T) {
		for _, sub := range r.Sub {
			sub.report(t)
		}
		switch r.Action {
		case "pass":
		case "skip":
			t.Skip(r.Output)
		case "fail":
			t.Error(r.Output)
		default:
			t.Error("did not end\n" + r.Output)
		}
	})
}
