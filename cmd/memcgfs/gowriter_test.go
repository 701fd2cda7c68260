package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// writeWhileCollecting is a Go program as others write them: it sets the limit
// args[1] a number of times, args[0], with os.WriteFile, and reads back what it
// has set, while its garbage collector works without pause and its threads get
// the signals by which the runtime interrupts them. Any error ends it.
func writeWhileCollecting(args []string) {
	debug.SetGCPercent(1)
	runtime.LockOSThread()
	tid := unix.Gettid()
	for range 2 {
		go func() {
			var keep [64][]byte
			for i := 0; ; i++ {
				keep[i%len(keep)] = make([]byte, 16<<10)
			}
		}()
	}
	go func() { // those that the runtime sends to a running thread
		for {
			_ = unix.Tgkill(os.Getpid(), tid, unix.SIGURG)
			time.Sleep(50 * time.Microsecond)
		}
	}()
	n, err := strconv.Atoi(args[0])
	for i := 0; i < n && err == nil; i++ {
		want := strconv.Itoa((10 + i%50) << 20)
		if err = os.WriteFile(args[1], []byte(want), 0); err != nil {
			break
		}
		var got []byte
		if got, err = os.ReadFile(args[2]); err == nil && strings.TrimSpace(string(got)) != want {
			err = fmt.Errorf("%s is %s, want %s", args[2], got, want)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
