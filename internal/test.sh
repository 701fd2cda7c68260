#!/bin/sh
# Runs all tests on real mounts of the real tree, counts them, and fails when
# one failed, when one was skipped that this machine can run, or when a mount,
# a group or a daemon is left behind.
set -eu
cd "$(dirname "$0")/.."

leftovers() {
	grep ' fuse.memcgfs ' /proc/mounts || true
	find /sys/fs/cgroup/memory -mindepth 1 -maxdepth 1 -type d -name 'memcgfs-test-*' 2>/dev/null || true
}
before=$(leftovers)

# What tests leave in the temporary directory goes with it. Other users pass
# through it to the mounts.
TMPDIR=$(mktemp -d)
export TMPDIR
chmod 0755 "$TMPDIR"
trap 'rm -rf "$TMPDIR"' EXIT
status=0
# First the builds, side by side; then one package at a time, as their tests
# are in each other's way on a small machine. -count=1: what the kernel does is
# not in the key of the test cache.
go test -race -run '^$' ./... >/dev/null || status=$?
go test -race -json -count=1 -p 1 -timeout 20m "$@" ./... >"$TMPDIR/events" || status=$?
go run ./internal/testcount <"$TMPDIR/events" || status=$?

# What was there before is somebody else's.
if left=$(leftovers | grep -vxF -e "$before"); then
	printf 'left behind by the tests:\n%s\n' "$left"
	status=1
fi
exit "$status"
