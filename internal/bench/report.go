package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// printHeader names everything that the numbers depend on.
func printHeader(rounds int) {
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	fmt.Printf("commit  %s\n", commit())
	fmt.Printf("CPU     %s, %d processors\n", processor(), runtime.NumCPU())
	fmt.Printf("kernel  %s\n", unix.ByteSliceToString(uts.Release[:]))
	fmt.Printf("Go      %s\n\n", strings.TrimPrefix(runtime.Version(), "go"))
	fmt.Printf("microseconds for one, median of %d rounds; x is times the kernel's own tree\n\n", rounds)
}

// commit is that of the checkout, which make has just built.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	id := strings.TrimSpace(string(head))
	if changed, err := exec.Command("git", "status", "--porcelain").Output(); err != nil || len(changed) > 0 {
		id += ", with changes"
	}
	return id
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range bytes.Lines(text) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(name)) == "model name" {
			return string(bytes.TrimSpace(value))
		}
	}
	return runtime.GOARCH
}

func printTable(results []result) {
	fmt.Printf("%-18s%8s%16s%19s%19s\n", "", "raw", "memcgfs", "loopback, 0 s", "loopback, 1 s")
	for _, r := range results {
		raw := r.cost[kernelTree]
		fmt.Printf("%-18s%8s", r.op.name, raw)
		for i, width := range []int{9, 12, 12} {
			c := r.cost[i+1]
			fmt.Printf("%*s%7s", width, c, c.times(raw))
		}
		fmt.Println()
	}
	fmt.Print(`
raw: the kernel's own tree. loopback: go-fuse's, with entries and attributes
kept for 0 s, which is as fresh as memcgfs, and for 1 s, as its example does.
limit.human is none of the kernel's files: its raw is memory.limit_in_bytes.
`)
}

func (c cost) String() string {
	switch {
	case c.none:
		return "-"
	case c.wrong != nil:
		return "wrong"
	}
	return microseconds(c.time)
}

// times is the ratio to another cost, as text.
func (c cost) times(other cost) string {
	r, ok := c.ratio(other)
	if !ok {
		return ""
	}
	if r < 10 {
		return fmt.Sprintf("%.2fx", r)
	}
	return fmt.Sprintf("%.1fx", r)
}

func (c cost) ratio(other cost) (float64, bool) {
	if c.time == 0 || other.time == 0 {
		return 0, false
	}
	return float64(c.time) / float64(other.time), true
}

func microseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Microsecond))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

const (
	preadTarget    = 1.5
	loopbackTarget = 1.0
	noise          = 0.1 // what two runs of the same differ by
	residentTarget = 12 << 20
)

// printTargets gives the number of those that were missed.
func printTargets(results []result, rest rest) (missed int) {
	verdict := func(what, most, found string, met bool) {
		word := "met"
		if !met {
			word = "missed"
			missed++
		}
		fmt.Printf("%-18s%-32s%18s  %s\n", what, "at most "+most, found, word)
	}
	for _, r := range results {
		base, most := freshLoopback, loopbackTarget+noise
		text := fmt.Sprintf("%.1f x loopback, 0 s, + %.1f", loopbackTarget, noise)
		switch {
		case r.op.raw != "":
			continue // nothing to compare with
		case r.op.open != nil:
			base, most, text = kernelTree, preadTarget, fmt.Sprintf("%.1f x raw", preadTarget)
		}
		ratio, ok := r.cost[ours].ratio(r.cost[base])
		if !ok && r.cost[ours].wrong == nil && r.cost[base].wrong != nil {
			verdict(r.op.name, text, "loopback is wrong", true)
			continue
		}
		verdict(r.op.name, text, r.cost[ours].times(r.cost[base]), ok && ratio <= most)
	}
	verdict("resident", mebibytes(residentTarget)+" after start", mebibytes(rest.resident), rest.resident <= residentTarget)
	verdict("wakeups", fmt.Sprintf("0 in %v without requests", idle), fmt.Sprint(rest.wakeups), rest.wakeups == 0)
	fmt.Printf("\n%.1f is what two runs of the same differ by.\n", noise)
	return missed
}
