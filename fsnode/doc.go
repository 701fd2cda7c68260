// Package fsnode serves a memory cgroup tree over FUSE: the kernel's own files
// as they are, and the virtual files beside them. It knows FUSE and names no
// control file; what a group is and does is cgroupio's.
//
// There are three kinds of node: [dirNode] for a group, [controlNode] for a
// kernel file and [virtualNode] for a file that memcgfs adds. A node holds no
// descriptor and no path: each request finds its group again by its number, so
// that what was removed, renamed or made anew meanwhile is not mistaken.
package fsnode
