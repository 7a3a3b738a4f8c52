"""2,000 files changed at once into two pods, by a program and by a branch switch, beside a raw tar stream of the same bytes."""

import contextlib
import subprocess
import time

import table
from ground import Connection, Failed, Ground, Running, kubectl_forward, sh, wait_until
from live_update import ready_pods, service, timed

LENGTH = 1_000


def run(tools, quick):
    files, count = (500, 3) if quick else (2_000, 10)
    table.heading(f"Live update, {files:,} files of {LENGTH} bytes changed at once, 2 pods, warm")
    for tool in tools:
        with Ground("files") as ground:
            port = service(ground, 2)
            folder = ground.path / "web/www/many"
            write(folder, "start", files)
            branches(ground, folder, files, count + 1)
            with Running(tool, ground.path, arguments=["-f", "Devfile"]):
                through = Connection(port)
                wait_until("the first answer", lambda: through.get() == "first")
                wait_until("all pods", lambda: len(ready_pods(ground)) == 2)
                pods = ready_pods(ground)
                with contextlib.ExitStack() as forwards:
                    connections = [Connection(forwards.enter_context(kubectl_forward(ground, pod))) for pod in pods]
                    complete(connections, "start", files)
                    switched = [switch(ground, connections, number, files) for number in range(count + 1)]
                    table.measured(f"{tool.name}: end of `git checkout` → all files in every container",
                                   [after for _, after in switched[1:]])
                    table.measured(f"{tool.name}: beginning of `git checkout` → all files in every container",
                                   [whole for whole, _ in switched[1:]])
                    written = [rewrite(folder, connections, f"w{number}-", files) for number in range(count + 1)]
                    table.measured(f"{tool.name}: last of the files written → all files in every container",
                                   [after for _, after in written[1:]])
                    table.measured(f"{tool.name}: first of the files written → all files in every container",
                                   [whole for whole, _ in written[1:]])
                if tool.name == "devloop":
                    floors(ground, folder, pods, count)


def write(folder, text, files):
    folder.mkdir(exist_ok=True)
    for number in range(files):
        (folder / str(number)).write_text(text.ljust(LENGTH - 1) + "\n")


def branches(ground, folder, files, count):
    """So many branches in which every file differs, each with a content of its own; none of them is checked out."""
    git = ["git", "-C", ground.path, "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    sh(*git, "init", "-q", "-b", "start")
    sh(*git, "add", "web/www/many")
    sh(*git, "commit", "-q", "-m", "start")
    for number in range(count):
        sh(*git, "checkout", "-q", "-b", f"branch-{number}")
        write(folder, f"branch-{number}-", files)
        sh(*git, "commit", "-q", "-a", "-m", f"branch-{number}")
    sh(*git, "checkout", "-q", "start")


def switch(ground, connections, number, files):
    # As much time as a person takes at least.
    time.sleep(1)
    before = time.perf_counter()
    sh("git", "-C", ground.path, "checkout", "-q", f"branch-{number}")
    done = time.perf_counter()
    complete(connections, f"branch-{number}-", files)
    now = time.perf_counter()
    return (now - before) * 1000, (now - done) * 1000


def rewrite(folder, connections, text, files):
    time.sleep(1)
    before = time.perf_counter()
    write(folder, text, files)
    done = time.perf_counter()
    complete(connections, text, files)
    now = time.perf_counter()
    return (now - before) * 1000, (now - done) * 1000


def complete(connections, text, files):
    for connection in connections:
        wait_until(f"all files with {text}", lambda: int(connection.get(f"/many/{text}")) == files, 0.002)


def floors(ground, folder, pods, count):
    def pipe(pod):
        return (f"tar -C {folder.parent} -cf - many | kubectl -n {ground.namespace} exec -i {pod} -- "
                "tar -C /tmp -xf -")

    def both():
        before = time.perf_counter()
        children = [subprocess.Popen(["sh", "-c", pipe(pod)], stderr=subprocess.DEVNULL) for pod in pods]
        if any(child.wait() for child in children):
            raise Failed("the floor's tar has failed")
        return (time.perf_counter() - before) * 1000

    table.measured("floor: `tar … \\| kubectl exec -i … tar -x` of the same files, 1 pod",
                   [timed(["sh", "-c", pipe(pods[0])]) for _ in range(count)])
    table.measured("floor: the same into both pods at once", [both() for _ in range(count)])
