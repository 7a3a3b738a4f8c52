"""Memory and processor time while `up` runs."""

import os
import pathlib
import time

import table
from ground import Connection, Ground, Running, free_port, wait_until

# 300 of these write 1,000 lines/s together. `read` waits without a process of its own.
TALK = 'exec 3<> <(:); while :; do echo "$RANDOM a line of some length, as a service writes it"; read -t 0.3 -u 3; done'


def run(tools, quick):
    seconds = 10 if quick else 30
    table.heading(f"Memory and processor time of `up` on a terminal, over {seconds} s")
    for tool in tools:
        with Ground("memory") as ground:
            one_service(ground, tool, seconds)
        many = 50 if quick else 300
        with Ground("memory") as ground:
            local(ground, tool, seconds, many, "idle", "sleep infinity", processes=many)
        with Ground("memory") as ground:
            ground.write("talk.sh", TALK + "\n")
            local(ground, tool, seconds, many, f"{many * 10 // 3} lines/s", "exec bash talk.sh", processes=many)


def one_service(ground, tool, seconds):
    text = ground.small_service("web")
    port = int(text.split("port_forwards='")[1].split(":")[0])
    ground.write("Devfile", text)
    with running(tool, ground) as up:
        wait_until("the service", lambda: "hello" in Connection(port).get())
        watch(up, tool, "1 service, idle", seconds)


def local(ground, tool, seconds, many, what, command, processes):
    ground.write("Devfile", f"for n in range({many}):\n    local_resource('r%d' % n, serve_cmd='{command}')\n")
    with running(tool, ground) as up:
        # As many as were asked for, each below its supervisor where there is one.
        wait_until("all processes", lambda: len(leaves(up.pid)) >= processes, 0.5)
        watch(up, tool, f"{many} local resources, {what}", seconds)


def running(tool, ground):
    return Running(tool, ground.path, terminal=tool.name == "devloop", arguments=["-f", "Devfile"])


def watch(up, tool, what, seconds):
    # What belongs to the start is over by then.
    time.sleep(10)
    cpu, began = cpu_seconds(up.pid), time.monotonic()
    time.sleep(seconds)
    share = (cpu_seconds(up.pid) - cpu) / (time.monotonic() - began) * 100
    table.single(f"{tool.name}: {what}: processor", share, "% of a core")
    own = memory([up.pid])
    table.single(f"{tool.name}: {what}: resident", own["Rss"], "MB",
                 f"of it heap and stacks {own['Anonymous']:.1f}, the rest is the program's file")
    helpers = [pid for pid in descendants(up.pid) if executable(pid) == executable(up.pid)]
    if helpers:
        sizes = memory(helpers)
        table.single(f"{tool.name}: {what}: its {len(helpers)} supervisors together", sizes["Pss"], "MB",
                     f"shared pages counted once (PSS); heap, stacks and relocated data {sizes['Anonymous']:.1f}")


def cpu_seconds(pid):
    """Of all threads, those that have ended included; in steps of 10 ms."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pids):
    """In MB, summed."""
    sums = {}
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, size = line.split(":")
            sums[name] = sums.get(name, 0) + int(size.split()[0]) / 1024
    return sums


def children():
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            found.setdefault(parent, []).append(int(entry.name))
    return found


def descendants(pid):
    tree, found, queue = children(), [], [pid]
    while queue:
        below = tree.get(queue.pop(), [])
        found += below
        queue += below
    return found


def leaves(pid):
    tree = children()
    return [child for child in descendants(pid) if child not in tree and executable(child) != executable(pid)]


def executable(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""
