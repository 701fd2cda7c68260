// Command memcgfs mounts the kernel's memory cgroup tree with files that a
// person can read and write beside the kernel's own.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/pflag"
)

const (
	exitOK      = 0
	exitFailure = 1 // the mount could not be made
	exitUsage   = 2 // the command line is wrong
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	cfg, err := parseArgs(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(os.Stderr, "memcgfs: %v\nTry 'memcgfs --help'.\n", err)
		return exitUsage
	case cfg.version:
		fmt.Println("memcgfs", version())
		return exitOK
	}
	switch {
	case os.Geteuid() != 0:
		err = fmt.Errorf("must be started by root, to mount and to act as each caller; try: sudo memcgfs %s", cfg.mountpoint)
	case isDaemon():
		err = serve(cfg)
	default:
		err = startDaemon(cfg, args)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "memcgfs: %v\n", err)
		return exitFailure
	}
	return exitOK
}

// version is the module's, as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v == "(devel)" {
			v = s.Value
		}
	}
	return v + " " + info.GoVersion
}
