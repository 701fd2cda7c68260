package main

import (
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const servesEnv = "LOOPBACK_SERVES"

// loopback is a command for scripts: loopback SOURCE MOUNTPOINT. It mounts what
// a FUSE of a cgroup tree is without all that memcgfs does, served by root, and
// returns when the mount answers.
func loopback() int {
	source, mountpoint := os.Args[1], os.Args[2]
	if os.Getenv(servesEnv) == "" {
		child := exec.Command("/proc/self/exe", source, mountpoint)
		child.Args[0] = os.Args[0]
		child.Env = append(os.Environ(), servesEnv+"=1")
		err := os.MkdirAll(mountpoint, 0o755)
		if err == nil {
			err = child.Start()
		}
		for range 200 {
			var st unix.Statfs_t
			if err != nil || unix.Statfs(mountpoint, &st) == nil && st.Type == unix.FUSE_SUPER_MAGIC {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	root, err := fs.NewLoopbackRoot(source)
	if err == nil {
		var server *fuse.Server
		server, err = fs.Mount(mountpoint, root, &fs.Options{
			MountOptions: fuse.MountOptions{AllowOther: true, DirectMountStrict: true, Options: []string{"default_permissions"}},
		})
		if err == nil {
			server.Wait()
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
