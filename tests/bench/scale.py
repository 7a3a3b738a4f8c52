"""What an event, a start and a reload cost with 10, 100, 300 and 1,000 resources: in proportion to what they touch?"""

import contextlib
import json
import os
import pathlib
import subprocess
import time

import table
from footprint import memory
from ground import DEADLINE, Failed, Ground, Running, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
COUNTS = (10, 100, 300, 1_000)
SAVES = 20
LINES = 20_000


def run(tools, quick):
    engine()
    counts = COUNTS[:2] if quick else COUNTS
    table.heading("One of many local resources: the processor time of devloop itself, without the commands")
    for tool in tools:
        for count in counts:
            with Ground("scale") as ground:
                local(ground, tool, count)
    if not quick:
        table.heading("300 resources with 2,100 objects in one namespace")
        for tool in tools:
            with Ground("scale") as ground:
                cluster(ground, tool, 300, 6)


def engine():
    """The engine alone, without anything outside: it is pure, so its times are no noise. Not optimised: the growth counts."""
    table.heading("The engine and its picture alone, per event (a build without optimisation: what counts is the growth)")
    argv = ["cargo", "test", "--quiet", "--lib", "--", "--ignored", "--exact", "--nocapture", "engine::tests::scale::measure_events"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not found:
        raise Failed(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    rows = {"save_pictured_ns": "a save that is live-updated, and its end", "pod_pictured_ns": "a change of a pod",
            "unrelated_ns": "a file of nobody"}
    for key, what in rows.items():
        for row in found:
            table.single(f"{what}: {row['resources']:,} resources", row[key] / 1000, "µs")
    for row in found:
        table.single(f"everything from the load to the last ready pod: {row['resources']:,} resources", row["start_us"] / 1000, "ms",
                     f"{row['start_us'] / row['resources']:.0f} µs for each")


class Clock:
    """Processor time of a process since this was made, in seconds, in steps of nanoseconds. A thread that ends takes its part
    since then with it."""

    def __init__(self, pid, from_start=False):
        self.pid, self.before = pid, {}
        self.before = {} if from_start else self._threads()

    def passed(self):
        return sum(now - self.before.get(thread, 0) for thread, now in self._threads().items()) / 1e9

    def _threads(self):
        found = {}
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found[task.name] = int((task / "schedstat").read_text().split()[0])
        return found


def local(ground, tool, count):
    """Each has a file of its own and a command for it; one more writes lines when it is asked to."""
    for number in range(count):
        ground.write(f"r{number}/file", "0\n")
    text = f"update_settings(max_parallel_updates=8)\nfor n in range({count}):\n" \
        "    local_resource('r%d' % n, 'echo it \"is\" done $(cat file)', dir='r%d' % n, deps=['r%d/file' % n], allow_parallel=True)\n" \
        "local_resource('lines', serve_cmd='while :; do read line <go; " \
        f"seq -f \"line %g of some length, as a service writes it\" {LINES}; echo all lines \"are\" there; done')\n"
    os.mkfifo(ground.path / "go")
    devfile = ground.write("Devfile", text)
    with Running(tool, ground.path, arguments=["-f", "Devfile"]) as up:
        finished = Counter(up, "it is done 0")
        wait_until("all commands", lambda: finished.count >= count, 0.01)
        took = time.perf_counter() - up.started
        start = Clock(up.pid, from_start=True).passed()
        time.sleep(5)
        table.single(f"{tool.name}: {count:,}: start → all commands have run", took, "s", f"{start:.2f} s of processor")
        table.single(f"{tool.name}: {count:,}: resident", memory([up.pid])["Rss"], "MB",
                     f"of it heap and stacks {memory([up.pid])['Anonymous']:.1f}")
        values, cpu = [], Clock(up.pid)
        for number in range(SAVES):
            moment = time.perf_counter()
            ground.write(f"r{count // 2}/file", f"save-{number}\n")
            up.wait_for(f"it is done save-{number}\n")
            values.append((time.perf_counter() - moment) * 1000)
        cpu = cpu.passed() / SAVES
        table.measured(f"{tool.name}: {count:,}: save → its command has printed", values, note=f"{cpu * 1e6:.0f} µs of processor each")
        cpu = Clock(up.pid)
        with open(ground.path / "go", "w") as go:
            go.write("go\n")
        up.wait_for("all lines are there")
        table.single(f"{tool.name}: {count:,}: a line of log", cpu.passed() / LINES * 1e6, "µs", "of processor")
        cpu, moment = Clock(up.pid), time.perf_counter()
        devfile.write_text(text + "local_resource('new', 'echo it is \"new\"')\n")
        up.wait_for("it is new")
        reload = (time.perf_counter() - moment) * 1000
        table.single(f"{tool.name}: {count:,}: edit of the Devfile → the new resource has run", reload, "ms",
                     f"{cpu.passed() * 1000:.1f} ms of processor")


class Counter:
    """Counts a text in what a tool says."""

    def __init__(self, up, text):
        self.text, self.count, self.rest = text.encode(), up.said.count(text), b""
        up.watch = self.heard

    def heard(self, data, _):
        data = self.rest + data
        self.count += data.count(self.text)
        # It may come in two pieces.
        self.rest = data[-len(self.text) + 1:] if not data.endswith(self.text) else b""


def cluster(ground, tool, count, maps):
    """Deployments without pods but for one, each with some config maps."""
    for number in range(count):
        text = ground.deployment(f"r{number}", "busybox", 1 if number == count // 2 else 0)
        text = text.replace("        ports:", "        command: [sleep, infinity]\n        ports:").split("        readinessProbe")[0]
        for map_number in range(maps):
            text += f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: r{number}-{map_number}, namespace: {ground.namespace}}}\n" \
                f"data: {{key: '{number}'}}\n"
        ground.write(f"r{number}.yaml", text)
    ground.write("Devfile", f"update_settings(max_parallel_updates=8)\nfor n in range({count}):\n    k8s_yaml('r%d.yaml' % n)\n"
                 "    k8s_resource('r%d' % n, objects=['r%d-%d:configmap' % (n, m) for m in range(" + str(maps) + ")], "
                 f"pod_readiness='wait' if n == {count // 2} else 'ignore')\n")
    with Running(tool, ground.path, arguments=["-f", "Devfile"]) as up:
        deployed = Counter(up, "DONE IN")
        wait_until("all deploys", lambda: deployed.count >= count, 0.05)
        took, cpu = time.perf_counter() - up.started, Clock(up.pid, from_start=True).passed()
        table.single(f"{tool.name}: start → all deployed", took, "s", f"{cpu:.2f} s of processor")
        wait_until("the pod", lambda: "Running" in ground.kubectl("get", "pods"), 0.2)
        time.sleep(5)
        table.single(f"{tool.name}: resident", memory([up.pid])["Rss"], "MB",
                     f"of it heap and stacks {memory([up.pid])['Anonymous']:.1f}")
        # Those of the applies are kept for 10 s.
        time.sleep(15)
        table.single(f"{tool.name}: connections to the API server", connections(up.pid), "", "four watches and the log of the one container")
        cpu, changes = Clock(up.pid), 50
        pod = ground.kubectl("get", "pods", "-o", "name").split()[0]
        for number in range(changes):
            ground.kubectl("annotate", "--overwrite", pod, f"change={number}")
        time.sleep(0.5)
        table.single(f"{tool.name}: a change of a pod", cpu.passed() / changes * 1e6, "µs", "of processor")
        moment, before = time.perf_counter(), deployed.count
        file = ground.path / "r7.yaml"
        file.write_text(file.read_text().replace("key: '7'", "key: 'seven'"))
        wait_until("the deploy", lambda: deployed.count > before, 0.002)
        table.single(f"{tool.name}: an object edited → deployed", (time.perf_counter() - moment) * 1000, "ms", "the configuration is loaded again")


def connections(pid):
    """Established TCP connections of a process to where the API server listens."""
    server = subprocess.run(["kubectl", "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"],
                            capture_output=True, text=True, check=True).stdout
    port = int(server.rsplit(":", 1)[1].split("/")[0])
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            link = os.readlink(entry)
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    found = 0
    for name in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            found += fields[3] == "01" and fields[9] in inodes and int(fields[2].rsplit(":", 1)[1], 16) == port
    return found
