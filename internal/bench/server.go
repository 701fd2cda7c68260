package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"memcgfs/internal/testgroup"
)

// server is a process that serves the memory tree on a directory.
type server struct {
	dir   string
	cmd   *exec.Cmd
	ended chan error
}

// startServer makes dir, starts argv with dir as its last argument, and
// returns when the mount answers.
func startServer(ctx context.Context, dir string, argv ...string) (*server, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], append(argv[1:], dir)...)
	cmd.Stderr = os.Stderr
	// Ctrl-C is for the bench, which ends its servers; they end with it as
	// well when it is killed.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	s := &server{dir: dir, cmd: cmd, ended: make(chan error, 1)}
	go func() { s.ended <- cmd.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; {
		if _, err := os.Stat(filepath.Join(dir, "memory.limit_in_bytes")); err == nil {
			return s, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, errors.Join(fmt.Errorf("%s does not answer", argv[0]), ctx.Err(), s.stop())
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// stop ends the server, which unmounts, and removes its directory.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(unix.SIGTERM)
	var err error
	select {
	case err = <-s.ended:
	case <-time.After(10 * time.Second):
		err = s.cmd.Process.Kill()
	}
	if errors.Is(unix.Unmount(s.dir, unix.MNT_DETACH), unix.EINVAL) {
		// Not mounted any more, as it should be.
		return errors.Join(err, os.Remove(s.dir))
	}
	return errors.Join(err, fmt.Errorf("%s did not unmount", s.cmd.Path), os.Remove(s.dir))
}

// serveLoopback is example/loopback of go-fuse with the same options, but for
// the timeouts, and a mount that needs no fusermount. With timeouts of 0 it
// shows nothing from yesterday, as memcgfs does.
func serveLoopback(ctx context.Context, timeouts, dir string) error {
	d, err := time.ParseDuration(timeouts)
	if err != nil {
		return err
	}
	root, err := fs.NewLoopbackRoot(testgroup.Root)
	if err != nil {
		return err
	}
	server, err := fs.Mount(dir, root, &fs.Options{
		AttrTimeout:     &d,
		EntryTimeout:    &d,
		NullPermissions: true,
		MountOptions: fuse.MountOptions{
			FsName:            testgroup.Root,
			Name:              "loopback",
			DirectMountStrict: true,
		},
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return server.Unmount()
}
