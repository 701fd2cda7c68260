// Package cgroupio reads and changes memory cgroups: groups, control files,
// sizes, and the checks that a write passes before it reaches the kernel. It
// knows the kernel and nothing of FUSE.
//
// A write goes one way. A [Caller] stands for the task that asks; [Caller.As]
// is the only place that takes on its credentials. A [Group] is one cgroup,
// held by an open descriptor, and the only place that opens control files.
// What is refused, by the kernel or before it, is a [Refusal].
package cgroupio
