package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is an interactive shell on a terminal of its own, that a test types
// at.
type terminal struct {
	t      testing.TB
	pty    *os.File
	mu     sync.Mutex
	screen bytes.Buffer
}

const prompt = "memcgfs-test> "

// newTerminal starts a shell: bash, or busybox ash with busybox's programs,
// as Alpine has them. rc is read by the shell first.
func newTerminal(t testing.TB, shell, dir, rc string) *terminal {
	t.Helper()
	rcFile := filepath.Join(t.TempDir(), "rc")
	rc += "\nPS1='" + prompt + "' PS2=\n"
	if err := os.WriteFile(rcFile, []byte(rc), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "--noediting", "--rcfile", rcFile, "-i")
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TERM=linux")
	if shell == "ash" {
		bin := t.TempDir()
		if out, err := exec.Command("busybox", "--install", "-s", bin).CombinedOutput(); err != nil {
			t.Fatalf("busybox --install: %v\n%s", err, out)
		}
		cmd = exec.Command("busybox", "ash", "-i")
		cmd.Env = append(os.Environ(), "LC_ALL=C", "TERM=linux", "ENV="+rcFile, "PATH="+bin+":"+os.Getenv("PATH"))
	}
	cmd.Dir = dir
	pty, tty, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, pty: pty}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := pty.Read(buf)
			term.mu.Lock()
			term.screen.Write(buf[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		// As when a terminal is closed: what runs in it gets SIGHUP.
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGHUP)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		pty.Close()
		<-read
	})
	term.until("the shell's prompt", func(printed string) bool { return strings.HasSuffix(printed, prompt) })
	return term
}

// openTerminal makes a terminal that leaves newlines as they are and is wide
// enough for every command.
func openTerminal() (pty, tty *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	pty = os.NewFile(uintptr(fd), "pty")
	err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	number, nerr := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	mode, merr := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err = errors.Join(err, nerr, merr); err == nil {
		mode.Oflag &^= unix.ONLCR
		err = errors.Join(unix.IoctlSetTermios(fd, unix.TCSETS, mode),
			unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 200}))
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		pty.Close()
	}
	return pty, tty, err
}

// run types a command and gives what it prints. A command that does not end by
// itself is interrupted, with Ctrl-C, when enough says so of what it has
// printed.
func (term *terminal) run(command string, enough func(printed string) bool) string {
	term.t.Helper()
	start := len(term.printed())
	since := func(printed string) string { return printed[start:] }
	term.typeText(command + "\n")
	if enough != nil {
		term.until("enough of "+command, func(printed string) bool { return enough(since(printed)) })
		term.typeText("\x03")
	}
	// The shell may tell of a job that ended after its prompt.
	printed := since(term.until("the end of "+command, func(printed string) bool {
		return strings.Contains(since(printed), prompt)
	}))
	printed, _, _ = strings.Cut(printed, prompt)
	if _, after, shown := strings.Cut(printed, command+"\n"); shown {
		printed = after // what was typed is shown as well
	}
	return printed
}

// printed is all that was ever printed, but for busybox's question where the
// cursor is.
func (term *terminal) printed() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return strings.ReplaceAll(term.screen.String(), "\x1b[6n", "")
}

func (term *terminal) typeText(text string) {
	term.t.Helper()
	if _, err := term.pty.WriteString(text); err != nil {
		term.t.Fatal(err)
	}
}

// until waits for what is printed to be as wanted, for at most a minute.
func (term *terminal) until(what string, wanted func(printed string) bool) string {
	term.t.Helper()
	var printed string
	for range 1200 {
		printed = term.printed()
		if wanted(printed) {
			return printed
		}
		time.Sleep(50 * time.Millisecond)
	}
	term.t.Fatalf("not within a minute: %s; on the screen:\n%q", what, printed[max(0, len(printed)-2000):])
	return ""
}
