package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Go program cannot fork, nor give rights up for all its threads at once; so
// the daemon is this program started again, with less. In its environment is
// the number of the process that started it: its parent, or with -f itself.
const startedBy = "MEMCGFS_STARTED_BY"

// reportFd is the pipe on which the daemon tells its parent how the start went.
const reportFd = 3

func isDaemon() bool {
	pid, _ := strconv.Atoi(os.Getenv(startedBy))
	return pid != 0 && (pid == os.Getppid() || pid == os.Getpid())
}

const ready = "ready\n"

// startDaemon starts the daemon: with -f in this process, where it does not
// return unless that fails, else in the background, where it returns when the
// mount answers or the daemon has said why it does not.
func startDaemon(cfg config, args []string) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program itself: %w", err)
	}
	args = append([]string{os.Args[0]}, args...)
	os.Setenv(startedBy, strconv.Itoa(os.Getpid()))
	// What is given up, this thread's child does not have.
	runtime.LockOSThread()
	if err := giveUpRights(); err != nil {
		return err
	}
	keepFromDaemon()
	if cfg.foreground {
		return fmt.Errorf("start %s again: %w", exe, syscall.Exec(exe, args, os.Environ()))
	}
	return inBackground(exe, args)
}

func inBackground(exe string, args []string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer r.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	child, err := os.StartProcess(exe, args, &os.ProcAttr{
		Files: []*os.File{null, null, null, reportFd: w},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	w.Close()
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	report, err := io.ReadAll(r)
	switch {
	case err != nil:
		return fmt.Errorf("wait for the daemon: %w", err)
	case string(report) == ready:
		return child.Release()
	case len(report) > 0:
		_, _ = child.Wait()
		return errors.New(strings.TrimSpace(string(report)))
	}
	state, err := child.Wait()
	return fmt.Errorf("the daemon ended before the mount answered (%v): %w", state, errors.Join(err, syscall.ECHILD))
}

// keepFromDaemon closes in the daemon what this process was started with, as a
// lock or a pipe of the shell's would be held for as long as the mount is.
func keepFromDaemon() {
	const first = 3
	if unix.CloseRange(first, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	// Before Linux 5.11.
	open, _ := os.ReadDir("/proc/self/fd")
	for _, e := range open {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
}

// report tells the waiting parent how the start went, once. In the foreground
// nobody waits.
func report(cfg config, err error) {
	if cfg.foreground {
		return
	}
	pipe := os.NewFile(reportFd, "report")
	defer pipe.Close()
	text := ready
	if err != nil {
		text = err.Error()
	}
	_, _ = pipe.WriteString(text)
}
