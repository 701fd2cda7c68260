package cgroupio

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// ErrNoHierarchy says that no cgroup hierarchy with the memory controller is
// mounted in this mount namespace.
var ErrNoHierarchy = errors.New("no memory cgroup hierarchy is mounted")

// Find gives the mount point of the memory hierarchy: the first cgroup v1
// mount with the memory controller in /proc/self/mountinfo that shows the
// hierarchy from its root. A mount of a subtree, as a container has it, is
// taken when there is no other.
func Find() (string, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup"))
	if err != nil {
		return "", fmt.Errorf("read mountinfo: %w", err)
	}
	mounts = slices.DeleteFunc(mounts, func(m *mountinfo.Info) bool {
		return !slices.Contains(strings.Split(m.VFSOptions, ","), "memory")
	})
	if len(mounts) == 0 {
		return "", ErrNoHierarchy
	}
	for _, m := range mounts {
		if m.Root == "/" {
			return m.Mountpoint, nil
		}
	}
	return mounts[0].Mountpoint, nil
}
