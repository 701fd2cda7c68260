#!/bin/bash
# Types the session at the top of README.md, in view of the reader, with the
# memcgfs in the directory given, and takes everything away again.
set -u
cd "$(dirname "$0")/.." || exit 1

if [ "${2:-}" = session ]; then
	# In a shell of its own, as it goes into the group.
	errors=$(mktemp)
	trap 'rm -f "$errors"' EXIT
	# shellcheck disable=SC2016 # the backquotes are the document's
	while IFS= read -r line <&3; do
		printf '# %s\n' "$line"
		eval "$line" 2>"$errors"
		status=$?
		sed 's/^.*: line [0-9]*: /bash: /' "$errors" # as a shell that is typed at
		case $line in
		memcgfs* | mkdir*) [ "$status" = 0 ] || exit 1 ;;
		esac
	done 3< <(sed -n '/^```console$/,/^```$/s/^# //p' README.md)
	exit 0
fi

mnt=/mnt/memcg
PATH=$1:$PATH
if [ "$(id -u)" != 0 ]; then
	echo "the demo mounts $mnt and makes a group in it, which root may; try: sudo make demo" >&2
	exit 1
fi
if mountpoint -q "$mnt"; then
	echo "$mnt is mounted already, and the demo mounts it itself; try: umount $mnt" >&2
	exit 1
fi
bash internal/demo.sh "$1" session
status=$?
[ "$status" != 0 ] || rmdir "$mnt/my_group"
! mountpoint -q "$mnt" || umount "$mnt"
exit "$status"
