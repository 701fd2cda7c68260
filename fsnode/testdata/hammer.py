# One user's process: python3 -c hammer.py GROUP SECONDS. GROUP is his.
import errno, os, random, sys, time

group, seconds = sys.argv[1], float(sys.argv[2])
end = time.monotonic() + seconds
rounds = 0


def write(name, text):
    fd = os.open(f"{group}/{name}", os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def read(name):
    with open(f"{group}/{name}") as f:
        return f.read()


def refused(name, text, *errnos):
    try:
        write(name, text)
    except OSError as e:
        assert e.errno in errnos, (name, text, e)
    else:
        raise AssertionError(f"{name} took {text}")


while time.monotonic() < end:
    rounds += 1
    child = f"child{random.randrange(1000)}"
    os.mkdir(f"{group}/{child}")
    st = os.stat(f"{group}/{child}/tasks")
    assert st.st_uid == os.getuid(), st
    size = random.randrange(50, 1000)
    write(f"{child}/limit.human", f"{size}M")
    assert read(f"{child}/memory.limit_in_bytes") == f"{size << 20}\n"
    write(f"{child}/memory.limit_in_bytes", "900M")
    assert read(f"{child}/limit.human") == "900M\n"
    write(f"{child}/tasks", "0")
    assert read(f"{child}/cgroup.procs") == f"{os.getpid()}\n"
    refused(f"{child}/limit.human", "20X", errno.EINVAL)
    assert "unknown unit" in read(f"{child}/why")
    refused(f"{child}/tasks", "1", errno.EACCES)
    assert "belongs to root" in read(f"{child}/why")
    refused("../limit.human", "20M", errno.EACCES)
    assert child in os.listdir(group)
    for name in ("usage.live", "stat.human", "memory.stat", "peak.human"):
        assert read(f"{child}/{name}")
    try:
        os.rmdir(f"{group}/{child}")
    except OSError as e:
        assert e.errno == errno.EBUSY, e
    write("cgroup.procs", str(os.getpid()))
    os.rmdir(f"{group}/{child}")
print(rounds)
