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

# The cgroup hierarchies, at boot and now.
for service in cgroups memcgfs; do
	rc-update -q show boot default | grep -q "^ *$service " || rc-update -q add "$service" default
done
rc-service -q cgroups status >/dev/null 2>&1 || rc-service cgroups start
rc-service memcgfs restart

if [ ! -e /mnt/memcg/limit.human ]; then
	echo "memcgfs is installed, but /mnt/memcg does not answer; see: rc-service memcgfs status" >&2
	exit 1
fi
echo "memcgfs serves /mnt/memcg; the exercise is in docs/exercise.md"
