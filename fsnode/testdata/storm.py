# One process of a storm: python3 -c storm.py WHAT TOP OTHER SECONDS. TOP is the
# group on the side where it acts, OTHER the same group on the other side.
import errno, os, random, sys, time

what, top, other, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
# What the kernel's own tree says of a group that others make and remove.
expected = {errno.ENOENT, errno.ENODEV, errno.EEXIST, errno.EBUSY}
end = time.monotonic() + seconds
names = [f"g{i}" for i in range(40)]


def some():
    return random.choice(names) + random.choice(["", "", "/sub"])


def make():
    os.mkdir(f"{top}/{some()}")


def remove():
    os.rmdir(f"{top}/{some()}")


def rename():
    os.rename(f"{top}/{random.choice(names)}", f"{top}/{random.choice(names)}x")


def fresh():
    # A name that was never there, and never is again.
    name = f"{top}/f{os.getpid()}-{time.monotonic_ns()}"
    os.mkdir(name)
    assert os.listdir(f"{other}/{os.path.basename(name)}")
    os.rmdir(name)
    try:
        os.stat(f"{other}/{os.path.basename(name)}")
    except FileNotFoundError:
        return
    raise AssertionError("still there")


def list_():
    for path, _, files in os.walk(top):
        for name in files:
            os.stat(f"{path}/{name}")


def read():
    group = f"{top}/{some()}"
    for name in ("memory.limit_in_bytes", "limit.human", "usage.live", "memory.stat", "stat.human", "tasks"):
        with open(f"{group}/{name}") as f:
            text = f.read()
        assert text or name == "tasks", (group, name)


def move():
    group = f"{top}/{some()}"
    with open(f"{group}/tasks", "w") as f:
        f.write("0")
    with open(f"{top}/tasks", "w") as f:
        f.write("0")


def limit():
    with open(f"{top}/{some()}/limit.human", "w") as f:
        f.write(f"{random.randrange(100, 900)}M")


do = {"make": make, "remove": remove, "rename": rename, "fresh": fresh, "list": list_, "read": read, "move": move, "limit": limit}[what]
rounds = 0
while time.monotonic() < end:
    try:
        do()
        rounds += 1
    except OSError as e:
        # docs/limits.md: the kernel opens the file behind one after memcgfs has,
        # and has no other errno for a group that is removed in between.
        if e.errno not in expected and not (e.errno == errno.EIO and e.filename):
            raise
print(what, rounds)
