// Command bench compares memcgfs with the kernel's own tree and with go-fuse's
// loopback of it, all in one run on one group, and prints what the targets say.
// docs/performance.md has a recorded run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
)

func main() {
	memcgfs := flag.String("memcgfs", "build/memcgfs", "the program to measure")
	rounds := flag.Int("rounds", 200, "how often everything is measured")
	check := flag.Bool("check", false, "fail when a target is missed")
	loopback := flag.String("loopback", "", "serve go-fuse's loopback with these timeouts, on the directory given")
	flag.Parse()
	// A server ends when the thread that started it does: this one stays.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	var missed int
	var err error
	if *loopback != "" {
		err = serveLoopback(ctx, *loopback, flag.Arg(0))
	} else {
		missed, err = bench(ctx, *memcgfs, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if *check && missed > 0 {
		os.Exit(1)
	}
}

const (
	settle = time.Second      // until the start's own work has ended
	idle   = 10 * time.Second // in which nothing should happen
)

// bench gives the number of missed targets. Whatever it makes is gone when it
// returns.
func bench(ctx context.Context, memcgfs string, rounds int) (missed int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	raw, err := testgroup.Make()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, testgroup.Remove(raw)) }()
	tmp, err := os.MkdirTemp("", testgroup.Prefix)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.Remove(tmp)) }()

	systems := []*system{{dir: raw}}
	var servers []*server
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	start := func(name string, argv ...string) error {
		s, err := startServer(ctx, filepath.Join(tmp, name), argv...)
		if err == nil {
			servers = append(servers, s)
			systems = append(systems, &system{dir: filepath.Join(s.dir, filepath.Base(raw))})
		}
		return err
	}
	if err := start("memcgfs", memcgfs, "-f"); err != nil {
		return 0, err
	}
	pid := servers[0].pid()
	rest, err := measureRest(ctx, pid, settle, idle)
	if err != nil {
		return 0, err
	}
	for _, timeouts := range []string{"0s", "1s"} {
		if err := start("loopback-"+timeouts, self, "-loopback", timeouts); err != nil {
			return 0, err
		}
	}
	results, err := measure(ctx, systems, rounds)
	if err != nil {
		return 0, err
	}
	after, err := resident(pid)
	if err != nil {
		return 0, err
	}
	printHeader(rounds)
	printTable(results)
	fmt.Printf("\nmemcgfs is resident with %s after the run\n\n", mebibytes(after))
	return printTargets(results, rest), nil
}
