// Package vm boots stock Debian kernels in qemu, without KVM, and runs this
// module's tests in them: the same files on every kernel, with the programs of
// the machine that it runs on.
//
// A cell is one kernel with one kind of cgroup hierarchy. Its disk is an
// initramfs, made anew for each run: the host's own programs, the tests as
// static binaries, the source tree for their testdata, and init.sh.
package vm

import (
	"fmt"
	"strings"
)

// Cell is one kernel with one hierarchy.
type Cell struct {
	Name      string // of the subtest, and what a developer asks for
	Suite     string // the Debian suite whose linux-image-cloud-amd64 it boots
	Hierarchy string // "v1": memory at /sys/fs/cgroup/memory; "v2": at /sys/fs/cgroup
}

// Cells is the matrix.
var Cells = []Cell{
	{"5.10-v1", "bullseye", "v1"},
	{"6.1-v1", "bookworm", "v1"},
}

// modules are loaded where the kernel has them as such, in this order.
var modules = []string{"fuse"}

// Find gives the cell called name.
func Find(name string) (Cell, error) {
	var names []string
	for _, c := range Cells {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Cell{}, fmt.Errorf("there is no cell %q; there are %s", name, strings.Join(names, ", "))
}

// Suites are those of the cells, each once.
func Suites(cells []Cell) (suites []string) {
	seen := map[string]bool{}
	for _, c := range cells {
		if !seen[c.Suite] {
			seen[c.Suite] = true
			suites = append(suites, c.Suite)
		}
	}
	return suites
}
