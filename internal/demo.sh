#!/bin/sh
# Mounts the real tree with the program given, does the main job in view of the
# reader, and takes everything away again.
set -eu
memcgfs=$1
mnt=/mnt/memcg
group=$mnt/memcgfs-demo
show() {
	printf '# %s\n' "$1"
	bash -c "$1" || true
}

cleanup() {
	[ -z "${eater:-}" ] || kill "$eater" 2>/dev/null || true
	wait 2>/dev/null || true
	rmdir "$group" 2>/dev/null || true
	umount "$mnt" 2>/dev/null || umount -l "$mnt" 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 1' INT TERM

printf '# memcgfs %s\n' "$mnt"
"$memcgfs" "$mnt"
show "mkdir $group"
show "echo 20M > $group/limit.human"
show "cat $group/limit.human"
show "cat $group/memory.limit_in_bytes"
# Some memory for it, in a shell variable.
bash -c 'echo 0 > "$0/tasks"; A=$(head -c 5M /dev/zero | tr "\0" A); sleep 60 & wait' "$group" &
eater=$!
sleep 1
show "cat $group/usage.live"
show "echo 20X > $group/limit.human"
show "cat $group/why"
show "cat $group/stat.human"
