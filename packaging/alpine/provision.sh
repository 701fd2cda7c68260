#!/bin/sh
# Puts memcgfs into an Alpine machine and mounts it at /mnt/memcg now and at
# every boot. $1 is a directory with memcgfs and memcgfs.initd. It can be run
# again, with a newer memcgfs too.
set -eu

from=$1

# Beside its place and then into it: a program that runs cannot be written over.
cp "$from/memcgfs" /usr/local/bin/memcgfs.new
chmod 0755 /usr/local/bin/memcgfs.new
mv -f /usr/local/bin/memcgfs.new /usr/local/bin/memcgfs
cp "$from/memcgfs.initd" /etc/init.d/memcgfs
chmod 0755 /etc/init.d/memcgfs

grep -qx fuse /etc/modules || echo fuse >>/etc/modules
[ -e /dev/fuse ] || modprobe fuse

enable_at_boot() {
	rc-update -q show sysinit boot default | grep -q "^ *$1 " || rc-update -q add "$1" default
}

# The cgroup hierarchies, at boot and now. Before Alpine 3.8 there is no such
# service: sysfs mounts them.
if [ -e /etc/init.d/cgroups ]; then
	enable_at_boot cgroups
	rc-service -q cgroups status >/dev/null 2>&1 || rc-service cgroups start
fi
if ! grep -Eq ' cgroup ([^ ]*,)?memory[, ]' /proc/mounts; then
	echo "memcgfs is installed, but no cgroup v1 hierarchy with the memory controller is mounted; see /proc/cgroups and rc_cgroup_mode in /etc/rc.conf" >&2
	exit 1
fi

enable_at_boot memcgfs
# Not restart, which may give up when the daemon has died.
rc-service -q memcgfs stop || rc-service memcgfs zap
if ! rc-service memcgfs start || [ ! -e /mnt/memcg/limit.human ]; then
	echo "memcgfs is installed, but /mnt/memcg does not answer; see /var/log/memcgfs.log" >&2
	exit 1
fi
echo "memcgfs serves /mnt/memcg; the exercise is in docs/exercise.md"
