package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// The systems, in the order in which they are measured and shown.
const (
	kernelTree = iota
	ours
	freshLoopback // with timeouts of 0
	staleLoopback // with timeouts of 1 s, as the example has
	nSystems
)

// result is what one operation costs on each system.
type result struct {
	op   *operation
	cost [nSystems]cost
}

// cost is the median time of one run.
type cost struct {
	time  time.Duration
	none  bool  // the system has no such file
	wrong error // the system does not do what the operation asks for
}

// burst is how long one system runs one operation before it is another's turn:
// long enough for the clock, short enough for noise to hit all of them alike.
const burst = 4 * time.Millisecond

// measure runs all operations on all systems in turns.
func measure(ctx context.Context, systems []*system, rounds int) ([]result, error) {
	results := make([]result, len(operations))
	series := make([][nSystems]*runner, len(operations))
	for i := range operations {
		op := &operations[i]
		results[i].op = op
		raw := systems[kernelTree].target(op, true)
		for j, s := range systems {
			if t := s.target(op, j == kernelTree); t != nil {
				series[i][j] = &runner{op: op, t: t, raw: raw}
			}
		}
	}
	for round := range rounds {
		for i := range operations {
			for k := range nSystems {
				if err := ctx.Err(); err != nil {
					return nil, fmt.Errorf("interrupted: %w", err)
				}
				// Each is the first in turn.
				if r := series[i][(round+k)%nSystems]; r != nil && r.wrong == nil {
					r.burst()
				}
			}
		}
	}
	for i := range results {
		for j := range nSystems {
			r, c := series[i][j], &results[i].cost[j]
			switch {
			case r == nil:
				c.none = true
			case r.wrong != nil:
				c.wrong = r.wrong
				fmt.Fprintf(os.Stderr, "%s: %s: %v\n", filepath.Dir(r.t.path), r.op.name, r.wrong)
			default:
				c.time = median(r.times)
			}
		}
	}
	return results, nil
}

// runner runs one operation on one system.
type runner struct {
	op    *operation
	t     *target
	raw   *target
	n     int // runs in a burst
	times []time.Duration
	wrong error
}

func (r *runner) burst() { r.wrong = r.tryBurst() }

func (r *runner) tryBurst() error {
	if r.op.open != nil {
		if err := r.op.open(r.t); err != nil {
			return err
		}
		defer unix.Close(r.t.fd)
	}
	runs := r.n
	if runs == 0 {
		runs = 20 // the first burst warms up, and finds the number
	}
	start := time.Now()
	for range runs {
		if err := r.op.run(r.t); err != nil {
			return err
		}
	}
	took := time.Since(start) / time.Duration(runs)
	if err := r.op.check(r.t, r.raw); err != nil {
		return err
	}
	if r.n == 0 {
		r.n = max(4, int(burst/max(took, 1)))
		return nil
	}
	r.times = append(r.times, took)
	return nil
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}
