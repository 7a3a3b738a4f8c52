"""From saving a file to the new answer, and to the file in the container."""

import contextlib
import pathlib
import random
import shutil
import subprocess
import time

import table
from ground import Connection, Failed, Ground, Running, free_port, kubectl_forward, wait_until

HERE = pathlib.Path(__file__).parent


def run(tools, quick):
    count = 10 if quick else 40
    for replicas in (1, 2):
        table.heading(f"Live update, one file of 20 bytes, {replicas} pod{'s'[:replicas - 1]}, warm")
        for tool in tools:
            with Ground("live") as ground:
                project(ground, tool, replicas, count)


def service(ground, replicas, steps="sync('web/www', '/app/www')"):
    """The service of `web` with these live update steps. Gives the local port of its forward."""
    port = free_port()
    shutil.copytree(HERE / "web", ground.path / "web")
    ground.write("web/k8s.yaml", ground.deployment("web", f"{ground.namespace}/web", replicas))
    ground.write("Devfile", f"docker_build('{ground.namespace}/web', 'web', live_update=[{steps}])\n"
                 "k8s_yaml('web/k8s.yaml')\n"
                 f"k8s_resource('web', port_forwards='{port}:8080')\n")
    return port


def project(ground, tool, replicas, count):
    port = service(ground, replicas)
    file = ground.path / "web/www/text"
    with Running(tool, ground.path, arguments=["-f", "Devfile"]) as up:
        through = Connection(port)
        wait_until("the first answer", lambda: through.get() == "first")
        wait_until("all pods", lambda: len(ready_pods(ground)) == replicas)
        for number in range(3):
            until_answered(through, file, f"warm-up-{number}")

        answers = [until_answered(through, file, f"answer-{number}") for number in range(count)]
        table.measured(f"{tool.name}: save → new answer through its forward", answers)
        present(ground, tool, file, count)
        if tool.name == "devloop":
            floors(ground, through, count)
        del up


def save(file, text):
    """Saves as an editor that writes in place; returns the moment before it."""
    # Neither in step with anybody's timer, nor while the former save is still being digested.
    time.sleep(random.uniform(0.2, 0.4))
    wall, moment = time.time_ns(), time.perf_counter()
    file.write_text(text + "\n")
    return wall, moment


def until_answered(connection, file, text):
    """Asks again and again, as a reload in the browser would."""
    _, moment = save(file, text)
    wait_until(text, lambda: connection.get() == text, pause=0)
    return (time.perf_counter() - moment) * 1000


def present(ground, tool, file, count, what="file"):
    """The containers' own inotify watches tell when the file was there; nobody asks meanwhile."""
    pods = ready_pods(ground)
    with contextlib.ExitStack() as forwards:
        connections = [Connection(forwards.enter_context(kubectl_forward(ground, pod))) for pod in pods]
        offsets = [clock_offset(connection) for connection in connections]
        values = []
        for number in range(count):
            text = f"present-{number}"
            wall, _ = save(file, text)
            time.sleep(0.1)
            seen = [seen_at(connection, text) - offset for connection, offset in zip(connections, offsets)]
            values.append((max(seen) - wall) / 1e6)
    worst = max(abs(offset) for offset in offsets) / 1e6
    where = f"every container of {len(pods)} pods" if len(pods) > 1 else "the container"
    table.measured(f"{tool.name}: save → {what} in {where}", values,
                   note=f"clocks differ by {worst:.2f} ms, corrected" if worst else "same clock")
    return values


def seen_at(connection, text):
    when = int(connection.get(f"/seen/{text}"))
    if when == 0:
        raise Failed(f"the container has not seen {text} within 20 s; there is {connection.get()}")
    return when


def clock_offset(connection):
    """How far the container's clock is ahead, in ns; 0 when that is within the error of asking."""
    best = None
    for _ in range(30):
        before = time.time_ns()
        there = int(connection.get("/clock"))
        trip = time.time_ns() - before
        if best is None or trip < best[0]:
            best = (trip, there - before - trip // 2)
    return 0 if abs(best[1]) <= best[0] else best[1]


def ready_pods(ground):
    lines = ground.kubectl("get", "pods", "-l", "app=web", "--no-headers").splitlines()
    return [f"pod/{line.split()[0]}" for line in lines if line.split()[1] == "1/1" and "Running" in line]


def floors(ground, through, count):
    pod = ready_pods(ground)[0]
    exec_in = ["kubectl", "-n", ground.namespace, "exec", pod]
    local = ground.write("floor/text", "twenty bytes of text\n").parent

    trips = []
    for _ in range(count * 5):
        before = time.perf_counter()
        through.get()
        trips.append((time.perf_counter() - before) * 1000)
    table.measured("floor: one request through the forward, connection kept", trips)

    # What a warm connection can do at best: kubectl's own, opened beforehand, and a shell that writes and answers.
    shell = subprocess.Popen([*exec_in[:4], "-i", pod, "--", "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             bufsize=0)
    trips = []
    for number in range(count + 3):
        time.sleep(0.1)
        before = time.perf_counter()
        shell.stdin.write(f"echo {number} >/tmp/floor; echo done\n".encode())
        shell.stdout.readline()
        trips.append((time.perf_counter() - before) * 1000)
    shell.stdin.close()
    shell.wait()
    table.measured("floor: a line to a waiting `kubectl exec -i … sh` that writes a file, and its answer", trips[3:])

    fresh = max(10, count // 2)
    table.measured("floor: `kubectl exec … true`", [timed([*exec_in, "--", "true"]) for _ in range(fresh)])
    pipe = f"tar -C {local} -cf - text | {' '.join(exec_in[:4])} -i {pod} -- tar -C /tmp -xf -"
    table.measured("floor: `tar … \\| kubectl exec -i … tar -x`", [timed(["sh", "-c", pipe]) for _ in range(fresh)])


def timed(argv):
    before = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - before) * 1000
