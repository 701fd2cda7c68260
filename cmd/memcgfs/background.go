package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// A Go program cannot fork, so the daemon is this program started again, with
// this in its environment and the pipe that it reports on as descriptor 3.
const childEnv = "MEMCGFS_REPORT_FD"

func isChild() bool { return os.Getenv(childEnv) != "" }

const ready = "ready\n"

// startInBackground starts the daemon, and returns when the mount answers or
// the daemon has said why it does not.
func startInBackground(args []string) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program itself: %w", err)
	}
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
	child, err := os.StartProcess(exe, append([]string{os.Args[0]}, args...), &os.ProcAttr{
		Env:   append(os.Environ(), childEnv+"=3"),
		Files: []*os.File{null, null, null, w},
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

// report tells the waiting parent how the start went, once. Without a parent
// it does nothing.
func report(err error) {
	if !isChild() {
		return
	}
	os.Unsetenv(childEnv)
	pipe := os.NewFile(3, "report")
	defer pipe.Close()
	text := ready
	if err != nil {
		text = err.Error()
	}
	_, _ = pipe.WriteString(text)
}
