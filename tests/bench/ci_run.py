"""`ci` from nothing, and again; beside it the same by hand."""

import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import table
from ground import Failed, Ground, docker, sh


def run(tools, quick):
    critical(tools[0], 5 if quick else 15)
    for services in (1, 5) if quick else (1, 30):
        table.heading(f"`ci`, {services} small service{'s' if services > 1 else ''}")
        for tool in tools:
            with Ground("ci") as ground:
                parts = [ground.small_service(f"service-{number}") for number in range(services)]
                ground.write("Devfile", "update_settings(max_parallel_updates=6)\n" + "".join(parts))
                ci(tool, ground, "from nothing")
                ci(tool, ground, "again, nothing changed")
        with Ground("ci") as ground:
            names = [f"service-{number}" for number in range(services)]
            for name in names:
                ground.small_service(name)
            by_hand(ground, names)


def critical(tool, services):
    """How much of a run is on no part of its critical path: what devloop itself adds to what engine and cluster take."""
    table.heading(f"`ci`, {services} services with one image each, from nothing: the critical path")
    with Ground("ci") as ground:
        parts = [ground.small_service(f"service-{number}") for number in range(services)]
        ground.write("Devfile", "update_settings(max_parallel_updates=6)\n" + "".join(parts))
        wall = ci(tool, ground, f"{services} services", ["--report", "report"])
        spans = json.loads((ground.path / "report/timeline.json").read_text())["spans"]
        path = sorted((span for span in spans if span["critical"]), key=lambda span: span["start"])
        total = sum(span["end"] - span["start"] for span in path)
        words = " → ".join(f"{span['resource'] or 'configuration'} {span['phase']} {span['end'] - span['start']:.2f} s" for span in path)
        table.single("sum along the critical path", total, "s", words)
        table.single("wall, as a multiple of that", wall / total, "")


def ci(tool, ground, what, arguments=()):
    began = time.perf_counter()
    output = ground.path / "ci.log"
    with output.open("w") as file:
        child = subprocess.Popen([tool.path, "ci", "-f", "Devfile", *arguments], cwd=ground.path, stdin=subprocess.DEVNULL,
                                 stdout=file, stderr=subprocess.STDOUT)
    peak = Peak(child.pid)
    limit = threading.Timer(600, lambda: os.kill(child.pid, signal.SIGKILL))
    limit.start()
    _, status, usage = os.wait4(child.pid, 0)
    limit.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if child.returncode != 0:
        raise Failed(f"{tool.name} ci: exit code {child.returncode}\n{output.read_text()[-3000:]}")
    table.single(f"{tool.name}: {what}: wall", wall, "s")
    table.single(f"{tool.name}: {what}: its own processor time", usage.ru_utime + usage.ru_stime, "s",
                 "with its children")
    table.single(f"{tool.name}: {what}: its own peak resident memory", peak.megabytes(), "MB")
    return wall


class Peak:
    """The kernel's high-water mark of a process. (`ru_maxrss` would start with what this program has.)"""

    def __init__(self, pid):
        self.kilobytes, self.status = 0, pathlib.Path(f"/proc/{pid}/status")
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _watch(self):
        while True:
            try:
                mark = [line for line in self.status.read_text().splitlines() if line.startswith("VmHWM")]
            except OSError:
                return
            if not mark:
                return
            self.kilobytes = int(mark[0].split()[1])
            time.sleep(0.02)

    def megabytes(self):
        self.thread.join()
        return self.kilobytes / 1024


def by_hand(ground, names):
    """docker build and push, six at a time, then one kubectl apply, and a wait until everything is ready."""
    registry = os.environ.get("DEVLOOP_BENCH_REGISTRY", "localhost:5000")
    began = time.perf_counter()
    one = (f"{docker()} build -q -t {registry}/{ground.namespace}/$0 $0 >/dev/null && "
           f"{docker()} push -q {registry}/{ground.namespace}/$0 >/dev/null")
    sh("xargs", "-P", "6", "-n", "1", "sh", "-c", one, cwd=ground.path, input="\n".join(names),
       env={**os.environ, "DOCKER_BUILDKIT": "1"})
    for name in names:
        text = ground.deployment(name, f"{registry}/{ground.namespace}/{name}")
        ground.write(f"{name}/k8s.yaml", text)
    sh("kubectl", "apply", *[word for name in names for word in ("-f", f"{name}/k8s.yaml")], cwd=ground.path)
    ground.kubectl("wait", "--for=condition=available", "--timeout=300s", "deployment", "--all")
    table.single("floor: docker build and push (6 at a time), kubectl apply, kubectl wait", time.perf_counter() - began, "s")
