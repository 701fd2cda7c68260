package cgroupio

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPidTranslation holds the way for kernels without the ioctl against the
// kernel's own, where that is there, and both against what the processes in a
// namespace, and in one inside it, say of themselves.
func TestPidTranslation(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this machine's user is not root")
	}
	p, err := openProcfs()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	// Each line is a process's own number and, as a mark, how long it sleeps.
	cmd := exec.Command("unshare", "--pid", "--fork", "--kill-child", "sh", "-c",
		`sleep 4191 & echo $! 4191; unshare --pid --fork --kill-child sh -c 'sleep 4192 & echo $! 4192; wait' & wait`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	said := map[string]int{}
	for lines := bufio.NewScanner(out); len(said) < 2 && lines.Scan(); {
		own, mark, _ := strings.Cut(lines.Text(), " ")
		said[mark], _ = strconv.Atoi(own)
	}
	outer, inner := sleeper(t, p, "4191"), sleeper(t, p, "4192")
	st, err := p.status(inner)
	if err != nil || len(st.pids) < 3 {
		t.Fatalf("status of %d: %+v, %v", inner, st, err)
	}
	level := len(st.pids) - 2
	for _, withIoctl := range []bool{true, false} {
		noPidIoctl.Store(!withIoctl)
		outerCaller := &Caller{Tid: outer, proc: p}
		innerCaller := &Caller{Tid: inner, proc: p}
		for _, tt := range []struct {
			c            *Caller
			ours, theirs int
			err          error
			what         string
		}{
			{c: outerCaller, ours: outer, theirs: said["4191"], what: "the outer of itself"},
			{c: outerCaller, ours: inner, theirs: int(st.pids[level]), what: "the outer of the inner"},
			{c: innerCaller, ours: inner, theirs: said["4192"], what: "the inner of itself"},
			{c: innerCaller, ours: outer, theirs: 4190000, err: unix.ESRCH, what: "the inner of the outer"},
			{c: innerCaller, ours: os.Getpid(), theirs: 4190001, err: unix.ESRCH, what: "the inner of this one"},
			{c: &Caller{proc: p}, ours: outer, theirs: 1, err: unix.EOPNOTSUPP, what: "one not in sight"},
		} {
			check := func(direction string, got, want int, err error) {
				if !errors.Is(err, tt.err) || tt.err == nil && got != want {
					t.Errorf("ioctl %v, %s %s: got %d, %v; want %d, %v", withIoctl, tt.what, direction, got, err, want, tt.err)
				}
			}
			got, err := p.pidFromCaller(tt.c, tt.theirs)
			check("from there", got, tt.ours, err)
			got, err = p.pidToCaller(tt.c, tt.ours)
			check("to there", got, tt.theirs, err)
		}
		text, err := p.pidsForCaller(outerCaller, []byte(strings.Join([]string{strconv.Itoa(inner), strconv.Itoa(outer), "1", ""}, "\n")))
		want := []int{said["4191"], int(st.pids[level])}
		slices.Sort(want)
		if wantText := strconv.Itoa(want[0]) + "\n" + strconv.Itoa(want[1]) + "\n"; err != nil || string(text) != wantText {
			t.Errorf("ioctl %v: the list reads %q, %v; want %q", withIoctl, text, err, wantText)
		}
	}
	noPidIoctl.Store(false)
}

// sleeper finds the process that sleeps for so many seconds, by the daemon's
// number of it.
func sleeper(t *testing.T, p *procfs, seconds string) int {
	for range 200 {
		for _, pid := range p.numbered(".") {
			found := false
			_ = p.read(strconv.Itoa(pid)+"/cmdline", func(b []byte) error {
				found = string(b) == "sleep\x00"+seconds+"\x00"
				return nil
			})
			if found {
				return pid
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no process sleeps for %s s", seconds)
	return 0
}
