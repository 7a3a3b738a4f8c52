"""A log storm: 20 writers, 100,000 numbered lines a second together. What arrives, and what the dashboard does meanwhile."""

import json
import os
import re
import subprocess
import sys
import threading
import time

import table
from footprint import cpu_seconds, memory
from ground import DEADLINE, Failed, Ground, Running, wait_until

WRITERS = 20
RATE = 100_000

# Waits for the file `go`, then writes numbered lines at an even rate in bursts of a hundredth of a second, and says at the
# end how many it has written and how long that took.
WRITER = """\
import os, sys, time
number, rate, seconds, go = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
print('writer', number, 'is there', flush=True)
while not os.path.exists(go):
    time.sleep(0.05)
began, written = time.monotonic(), 0
while (passed := time.monotonic() - began) < seconds:
    due = int(passed * rate)
    if due > written:
        lines = ''.join(f'storm {number} {line} a line of some length, as a service writes it\\n' for line in range(written, due))
        view = memoryview(lines.encode())
        while view:
            view = view[os.write(1, view):]
        written = due
    time.sleep(0.01)
open(f'{go}-{number}', 'w').write(f'{written} {time.monotonic() - began}')
print('writer', number, 'has ended', flush=True)
time.sleep(1000)
"""

LINE = re.compile(rb"storm (\d+) (\d+) a line")
# Drawn when the selection moves, and else in no frame.
MARKER = "▌".encode()
FRAME = b"\x1b[?25l"


def run(tools, quick):
    seconds = 5 if quick else 10
    table.heading(f"A log storm: {WRITERS} processes, {RATE:,} lines/s together, over {seconds} s")
    nobody(seconds)
    for tool in tools:
        with Ground("storm") as ground:
            project(ground, seconds)
            printed(ground, tool, seconds)
        if tool.name == "devloop":
            with Ground("storm") as ground:
                project(ground, seconds)
                dashboard(ground, tool, seconds)
    table.heading(f"The dashboard with 300 resources, {WRITERS} of which write {RATE // 10:,} lines/s together")
    for tool in tools[:1]:
        with Ground("storm") as ground:
            project(ground, seconds, RATE // 10, 300 - WRITERS)
            dashboard(ground, tool, seconds, 300)
    table.heading(f"The same storm from {WRITERS} pods")
    for tool in tools:
        with Ground("storm") as ground:
            start = pods(ground, seconds)
            ground.write("Devfile", "k8s_yaml('pods.yaml')\n")
            read_pods([tool.path, "up", "--stream", "-f", "Devfile"], ground, f"{tool.name}: `up --stream`", start, seconds)


# As above; all begin at one moment, which they are given, as soon as each of them can be there.
POD_WRITER = """\
import os, sys, time
rate, seconds, start = float(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
time.sleep(max(0, start - time.time()))
began, written = time.monotonic(), 0
while (passed := time.monotonic() - began) < seconds:
    due = int(passed * rate)
    if due > written:
        view = memoryview(''.join(f'storm 0 {line} a line of some length, as a service writes it\\n' for line in range(written, due)).encode())
        while view:
            view = view[os.write(1, view):]
        written = due
    time.sleep(0.01)
print('end of writer', written, time.monotonic() - began, flush=True)
time.sleep(1000)
"""


def pods(ground, seconds):
    """Twenty pods of one Deployment; the moment at which they begin."""
    start = time.time() + 25
    container = {"name": "storm", "image": "python:3.11-slim", "imagePullPolicy": "IfNotPresent",
                 "command": ["python3", "-S", "-c", POD_WRITER, str(RATE / WRITERS), str(seconds), str(start)]}
    labels = {"app": "storm"}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    ground.write("pods.yaml", json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "storm", "namespace": ground.namespace},
        "spec": {"replicas": WRITERS, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}}))
    return start


def read_pods(argv, ground, what, start, seconds):
    child = subprocess.Popen(argv, cwd=ground.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    received, told, ends, peak = 0, 0, [], 0
    cpu = None
    rest = b""
    limit = threading.Timer(240, child.kill)
    limit.start()
    try:
        while len(ends) < WRITERS and (data := os.read(child.stdout.fileno(), 1 << 20)):
            if cpu is None:
                cpu = cpu_seconds(child.pid)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if b" a line of some" in line:
                    received += 1
                elif b"end of writer" in line:
                    ends.append(line.split(b"end of writer ")[1].split())
                elif match := re.search(rb"WARNING: (\d+) lines? of log", line):
                    told += int(match[1])
        if len(ends) < WRITERS:
            raise Failed(f"{what}: only {len(ends)} of {WRITERS} writers have ended")
        late = time.time() - start - max(float(took) for _, took in ends)
        cpu, peak = cpu_seconds(child.pid) - cpu, memory([child.pid])["Rss"]
    finally:
        limit.cancel()
        child.terminate()
        child.wait(30)
    written = sum(int(count) for count, _ in ends)
    table.single(f"{what}: written", written / max(float(took) for _, took in ends), "lines/s",
                 f"{written:,} lines: what kubelet and engine let the pods write")
    table.single(f"{what}: lost", written - received, "lines", f"{received:,} printed, {told:,} said to be lost")
    table.single(f"{what}: the last line is printed after it was written", late, "s")
    table.single(f"{what}: its processor time", cpu / seconds * 100, "% of a core")
    table.single(f"{what}: resident at the end", peak, "MB")


def project(ground, seconds, rate=RATE, idle=0):
    ground.write("writer.py", WRITER)
    command = f"exec {sys.executable} -S writer.py %d {rate / WRITERS} {seconds} go"
    ground.write("Devfile", f"for n in range({WRITERS}):\n    local_resource('w%d' % n, serve_cmd='{command}' % n)\n"
                 f"for n in range({idle}):\n    local_resource('idle-%d' % n, serve_cmd='sleep infinity')\n")


def nobody(seconds):
    """The floor: the same writers into pipes that one thread empties."""
    with Ground("storm") as ground:
        ground.write("writer.py", WRITER)
        argv = [sys.executable, "-S", str(ground.path / "writer.py")]
        children = [subprocess.Popen([*argv, str(n), str(RATE / WRITERS), str(seconds), str(ground.path / "go")],
                                     stdout=subprocess.PIPE) for n in range(WRITERS)]
        threads = [threading.Thread(target=lambda child=child: child.stdout.read(), daemon=True) for child in children]
        for thread in threads:
            thread.start()
        written, rate = storm(ground, seconds)
        table.single("floor: written, when somebody reads the pipes and no more", rate, "lines/s", f"{written:,} lines")
        for child in children:
            child.kill()
            child.wait()


def storm(ground, seconds):
    """Lets the writers go and waits for their end. How many lines they have written, and how many a second."""
    ground.write("go", "")
    ends = [ground.path / f"go-{number}" for number in range(WRITERS)]
    wait_until("the end of all writers", lambda: all(end.exists() and end.read_text() for end in ends), 0.1)
    ends = [end.read_text().split() for end in ends]
    written = sum(int(count) for count, _ in ends)
    return written, written / max(float(took) for _, took in ends)


def printed(ground, tool, seconds):
    """`up --stream` into a pipe: every line that was written must come out, or be told of."""
    child = subprocess.Popen([tool.path, "up", "--stream", "-f", "Devfile"], cwd=ground.path, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    received, told, there, ended = [0], [0], set(), set()

    def read():
        rest = b""
        while data := os.read(child.stdout.fileno(), 1 << 20):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if b" a line of some" in line:
                    received[0] += 1
                elif b"is there" in line and b"writer " in line and b"Running" not in line:
                    there.add(line)
                elif b"has ended" in line and b"writer " in line:
                    ended.add(line)
                elif match := re.search(rb"WARNING: (\d+) lines? of log", line):
                    told[0] += int(match[1])

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        wait_until("all writers", lambda: len(there) == WRITERS or child.poll() is not None, 0.05)
        cpu = cpu_seconds(child.pid)
        written, rate = storm(ground, seconds)
        peak = memory([child.pid])["Rss"]
        # What was written last may still be on its way.
        quiet = -1
        while quiet != (quiet := received[0]):
            time.sleep(0.5)
        cpu = cpu_seconds(child.pid) - cpu
    finally:
        child.terminate()
        child.wait(30)
        reader.join(10)
    lost = written - received[0]
    table.single(f"{tool.name}: `up --stream`: written", rate, "lines/s", f"{written:,} lines")
    table.single(f"{tool.name}: `up --stream`: lost", lost, "lines",
                 f"{received[0]:,} printed, {told[0]:,} said to be lost")
    table.single(f"{tool.name}: `up --stream`: its processor time", cpu / seconds * 100, "% of a core")
    table.single(f"{tool.name}: `up --stream`: resident at the end", peak, "MB")


class Frames:
    """What a dashboard writes to its terminal, with the moments."""

    def __init__(self, up):
        self.up, self.frames, self.marks = up, [], []
        up.watch = self.heard

    def heard(self, data, moment):
        self.frames += [moment] * data.count(FRAME)
        if MARKER in data:
            self.marks.append(moment)


def dashboard(ground, tool, seconds, processes=WRITERS):
    with Running(tool, ground.path, terminal=True, arguments=["-f", "Devfile"]) as up:
        wait_until("all writers", lambda: started(up.pid) >= processes, 0.1)
        time.sleep(2)
        # The log of all resources.
        os.write(up.output, b"a")
        frames = Frames(up)
        quiet_keys = [key(up, frames) for _ in range(10)]
        table.measured("devloop: dashboard, before the storm: key → frame", quiet_keys)
        # Older than a minute a row counts in minutes, until then in seconds: a frame a second, if that.
        count, cpu = len(frames.frames), cpu_seconds(up.pid)
        time.sleep(seconds)
        table.single("devloop: dashboard, nothing happens: frames", (len(frames.frames) - count) / seconds, "a second",
                     f"ages count in seconds for a minute; {(cpu_seconds(up.pid) - cpu) / seconds * 100:.2f} % of a core")
        done, peaks, keys = threading.Event(), [], []

        def look():
            while not done.wait(0.2):
                peaks.append(memory([up.pid])["Rss"])
                keys.append(key(up, frames))

        cpu, began, count = cpu_seconds(up.pid), time.monotonic(), len(frames.frames)
        looking = threading.Thread(target=look)
        looking.start()
        try:
            written, rate = storm(ground, seconds)
        finally:
            passed = time.monotonic() - began
            done.set()
            looking.join()
        table.single("devloop: dashboard: written", rate, "lines/s", f"{written:,} lines")
        table.single("devloop: dashboard: frames", (len(frames.frames) - count) / passed, "a second", "at most 30 are drawn")
        table.measured("devloop: dashboard: key → frame", keys)
        cpu, drawn = cpu_seconds(up.pid) - cpu, len(frames.frames) - count
        table.single("devloop: dashboard: its processor time", cpu / passed * 100, "% of a core",
                     f"{cpu / drawn * 1000:.1f} ms for each frame, if nothing else took any")
        table.single("devloop: dashboard: highest resident", max(peaks), "MB")


def started(pid):
    from footprint import leaves
    return len(leaves(pid))


def key(up, frames):
    """Moves the selection; milliseconds until it has moved on the screen."""
    down = key.down = not getattr(key, "down", False)
    time.sleep(0.05)
    seen, moment = len(frames.marks), time.perf_counter()
    os.write(up.output, b"j" if down else b"k")
    until = moment + DEADLINE
    while len(frames.marks) == seen:
        if time.perf_counter() > until:
            raise Failed("the selection does not move")
        time.sleep(0.0005)
    return (frames.marks[seen] - moment) * 1000
