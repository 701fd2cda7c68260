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

events=$(mktemp)
trap 'rm -f "$events"' EXIT
status=0
go test -race -json -timeout 20m "$@" ./... >"$events" || status=$?
go run ./internal/testcount <"$events" || status=$?

after=$(leftovers)
if [ "$before" != "$after" ]; then
	printf 'left behind by the tests:\n%s\n' "$after"
	status=1
fi
exit "$status"
