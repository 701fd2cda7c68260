package main

import (
	"log/slog"
	"os"
	"runtime"
)

// logState answers SIGUSR1: what the daemon holds at the moment, so that a
// leak can be seen from outside.
func logState(log *slog.Logger) {
	var mem runtime.MemStats
	runtime.GC() // what is garbage by now is not held
	runtime.ReadMemStats(&mem)
	log.Info("state",
		"goroutines", runtime.NumGoroutine(),
		"descriptors", entries("/proc/self/fd"),
		"threads", entries("/proc/self/task"),
		"heap", mem.HeapAlloc)
}

// entries counts what is in a directory of /proc, 0 where it cannot be read.
func entries(dir string) int {
	list, _ := os.ReadDir(dir)
	return len(list)
}
