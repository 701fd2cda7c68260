#!/bin/sh
# The first process of the virtual machine. It runs the tests, or a shell, and
# turns the machine off. HIERARCHY and MODE come from the kernel's command line.
# Each line for the harness begins with "memcgfs-vm: ".
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
export MEMCGFS_PROGRAM=/usr/local/bin/memcgfs

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
ln -s /proc/self/fd /dev/fd
for fd in 0,stdin 1,stdout 2,stderr; do ln -s "fd/${fd%,*}" "/dev/${fd#*,}"; done
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /tmp
for module in /lib/memcgfs/"$(uname -r)"/*.ko; do
	[ ! -e "$module" ] || busybox insmod "$module" || echo "memcgfs-vm: cannot load $module"
done

# As a Debian machine of 64 bits has it.
echo 4194304 >/proc/sys/kernel/pid_max

cgroup=/sys/fs/cgroup
case $HIERARCHY in
v1) # as a Debian machine with systemd.unified_cgroup_hierarchy=0 has it
	mount -t tmpfs -o mode=755 tmpfs $cgroup
	mkdir $cgroup/memory $cgroup/cpu $cgroup/unified
	mount -t cgroup -o memory cgroup $cgroup/memory
	mount -t cgroup -o cpu cgroup $cgroup/cpu
	mount -t cgroup2 cgroup2 $cgroup/unified
	;;
v2)
	mount -t cgroup2 cgroup2 $cgroup
	echo +memory >$cgroup/cgroup.subtree_control
	;;
esac

power_off() {
	sync
	busybox reboot -f
}

if [ "$MODE" = shell ]; then
	uname -sr
	echo 'memcgfs is in PATH, the tests are /tests/*.test and run in /src; exit turns the machine off'
	cd /src || exit
	setsid -c bash -i </dev/ttyS0 >/dev/ttyS0 2>&1
	power_off
fi

# The harness wants the bytes as they are.
stty raw -echo </dev/console
status=0
while read -r package dir binary; do
	printf '\nmemcgfs-vm: start %s\n' "$package"
	# What the size grammar makes of the fuzz seeds is the same on every kernel.
	(cd "/src/$dir" && exec "/tests/$binary" -test.v=test2json -test.short -test.timeout=10m \
		-test.run="$(cat /tests/run)" -test.skip=^Fuzz </dev/null 2>&1)
	code=$?
	printf '\nmemcgfs-vm: end %s\n' $code
	[ $code = 0 ] || status=1
done </tests/list

left=$(grep ' fuse.memcgfs ' /proc/mounts; find $cgroup -type d -name 'memcgfs-test-*')
if [ -n "$left" ]; then
	printf 'left behind by the tests:\n%s\n' "$left"
	status=1
fi
if [ $status != 0 ]; then
	dmesg | grep -A 40 -E 'BUG:|WARNING:|Oops|INFO: task|INFO: rcu' | head -n 200
fi
printf '\nmemcgfs-vm: exit %s\n' $status
power_off
