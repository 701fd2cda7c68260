package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// config is everything that the command line says.
type config struct {
	source     string // "" to look for it
	mountpoint string // absolute
	foreground bool
	readOnly   bool
	allowOther bool
	fsName     string // "" for the source's path
	logLevel   logLevel
	version    bool
}

const usage = `Usage: memcgfs [flags] [SOURCE] MOUNTPOINT

Mounts the memory cgroup tree at MOUNTPOINT: every file of the kernel's in its
place, and beside them files for people, such as limit.human and usage.live.
SOURCE is the tree or a group in it; without it, it is found by itself.
A MOUNTPOINT that is not there is made, and taken away at unmount.

Flags:
%s
Examples:
  memcgfs /mnt/memcg
  mkdir /mnt/memcg/my_group
  echo 20M > /mnt/memcg/my_group/limit.human
  cat /mnt/memcg/my_group/usage.live
  cat /mnt/memcg/my_group/why              why the last write was refused
  memcgfs -o ro,fsname=memory /sys/fs/cgroup/memory/web /mnt/web
  umount /mnt/memcg                        or end memcgfs with SIGTERM

SIGTERM and SIGINT unmount, lazily while files are open. SIGUSR1 writes to the
log what the daemon holds: goroutines, descriptors, threads and heap.

Exit status: 0 when the mount answers, 1 when it could not be made, 2 for a
wrong command line. With -f, 0 after a clean unmount.
`

func parseArgs(args []string) (config, error) {
	cfg := config{allowOther: true}
	flags := pflag.NewFlagSet("memcgfs", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		// mount(8) writes allow_other where flags have allow-other.
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	options := flags.StringArrayP("options", "o", nil, "a `LIST` of mount options, separated by commas: any\nflag below without its dashes, and those of mount(8)")
	flags.BoolVarP(&cfg.foreground, "foreground", "f", false, "stay in the foreground; log to standard error")
	flags.BoolVar(&cfg.readOnly, "ro", false, "mount read-only")
	flags.BoolVar(&cfg.allowOther, "allow-other", true, "let every user in, each with his own rights; on\nunless --allow-other=false is given")
	flags.StringVar(&cfg.fsName, "fsname", "", "the `NAME` that mount and df show as the source;\nthe path of SOURCE unless given")
	flags.Var(&cfg.logLevel, "log-level", "the `LEVEL` of the log: error, warn, info, debug, or\ntrace for every FUSE request; info unless given")
	flags.BoolVar(&cfg.version, "version", false, "print the version")
	flags.Usage = func() { fmt.Printf(usage, describe(flags)) }

	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	for _, list := range *options {
		for option := range strings.SplitSeq(list, ",") {
			if err := setOption(flags, option); err != nil {
				return config{}, err
			}
		}
	}
	if cfg.version {
		return cfg, nil
	}
	return cfg, cfg.setPaths(flags.Args())
}

// describe is like pflag's FlagUsages, and fits a terminal of 80 columns.
func describe(flags *pflag.FlagSet) string {
	var b strings.Builder
	const column = 25
	flags.VisitAll(func(f *pflag.Flag) {
		short := "   "
		if f.Shorthand != "" {
			short = "-" + f.Shorthand + ","
		}
		value, text := pflag.UnquoteUsage(f)
		if f.NoOptDefVal != "" {
			value = ""
		}
		name := fmt.Sprintf("  %s --%s %s", short, f.Name, value)
		text = strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", column))
		fmt.Fprintf(&b, "%-*s%s\n", column, name, text)
	})
	return b.String()
}

// generic are options of mount(8) and fstab(5) that say nothing to memcgfs, or
// what it does anyway.
var generic = map[string]bool{
	"defaults": true, "auto": true, "noauto": true, "nofail": true, "_netdev": true,
	"nosuid": true, "nodev": true, "noexec": true, "async": true, "relatime": true, "noatime": true,
	"user": true, "nouser": true, "users": true, "default_permissions": true,
}

func setOption(flags *pflag.FlagSet, option string) error {
	name, value, hasValue := strings.Cut(option, "=")
	if name == "rw" { // the last one counts, as for mount(8)
		return flags.Set("ro", "false")
	}
	if name == "" || generic[name] || strings.HasPrefix(name, "x-") {
		return nil
	}
	f := flags.Lookup(name)
	if f == nil || f.Name == "options" || f.Name == "version" {
		return fmt.Errorf("unknown mount option %q", name)
	}
	if !hasValue {
		if f.NoOptDefVal == "" {
			return fmt.Errorf("mount option %q needs a value: %s=…", name, name)
		}
		value = f.NoOptDefVal
	}
	if err := flags.Set(f.Name, value); err != nil {
		return fmt.Errorf("mount option %q: %w", option, err)
	}
	return nil
}

func (cfg *config) setPaths(args []string) (err error) {
	if slices.Contains(args, "") {
		return fmt.Errorf("an empty argument is given for SOURCE or MOUNTPOINT; is a variable of the shell not set?")
	}
	switch len(args) {
	case 1:
	case 2:
		// mount(8) gives the first field of fstab, which is "none" where
		// there is nothing to name.
		if args[0] != "none" && args[0] != "memcgfs" {
			if cfg.source, err = filepath.Abs(args[0]); err != nil {
				return err
			}
		}
	case 0:
		return fmt.Errorf("no MOUNTPOINT is given")
	default:
		return fmt.Errorf("%d arguments are given, where SOURCE and MOUNTPOINT are taken", len(args))
	}
	cfg.mountpoint, err = filepath.Abs(args[len(args)-1])
	return err
}

// logLevel is a [slog.Level], and trace below it for FUSE requests.
type logLevel struct {
	slog.Level
	trace bool
}

var _ pflag.Value = (*logLevel)(nil)

func (l *logLevel) Set(s string) error {
	switch s {
	case "error", "warn", "info", "debug":
		l.trace = false
		return l.UnmarshalText([]byte(s))
	case "trace":
		l.Level, l.trace = slog.LevelDebug, true
		return nil
	}
	return fmt.Errorf("must be error, warn, info, debug or trace")
}

func (l *logLevel) String() string {
	if l.trace {
		return "trace"
	}
	return strings.ToLower(l.Level.String())
}

func (l *logLevel) Type() string { return "level" }
