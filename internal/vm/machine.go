package vm

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// qemu is the program; Debian's package is qemu-system-x86.
const qemu = "qemu-system-x86_64"

// start runs a virtual machine until it turns itself off, or ctx ends it. It
// is emulated: KVM is not there, or does not work, on the machines that build
// this.
func start(ctx context.Context, c Cell, k Kernel, image, mode string, in io.Reader, out io.Writer) error {
	serial := "stdio"
	if in != nil {
		serial = "mon:stdio" // Ctrl-A X ends it
	}
	cmdline := []string{
		"console=ttyS0", "quiet", "loglevel=1", "reboot=t", "panic=-1",
		"psi=1", "swapaccount=1", // what Debian leaves off
		"HIERARCHY=" + c.Hierarchy, "MODE=" + mode,
	}
	cmd := exec.CommandContext(ctx, qemu,
		// With ACPI, Linux waits for a timer tick that an emulated microvm
		// does not always give.
		"-M", "microvm,accel=tcg,acpi=off,x-option-roms=off,isa-serial=on,rtc=on", "-m", "1024",
		// Page tables of five levels make emulation slower.
		"-cpu", "max,la57=off",
		"-nodefaults", "-nographic", "-serial", serial, "-no-reboot",
		"-kernel", k.Image, "-initrd", image, "-append", strings.Join(cmdline, " "))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, os.Stderr
	// The kernel ends it when this process is gone without having done so.
	// That is said of the thread, which must not end before.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("%s of cell %s: %w", qemu, c.Name, err)
	}
	return nil
}

// Shell boots the cell with a shell on this process's terminal.
func Shell(ctx context.Context, c Cell, k Kernel, image string) error {
	return start(ctx, c, k, image, "shell", os.Stdin, os.Stdout)
}
