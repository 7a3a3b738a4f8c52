"""From the signal of `restart_process()` to the new process, both seen in the container."""

import json

import table
from ground import Ground, Running, wait_until
from live_update import ready_pods

# Says its time as soon as it runs.
PROCESS = "date +%s%N >/tmp/started; exec sleep 100000"
# Runs in the container: the process that is there is ended and started again, or another one is started beside it.
LOOK = """
import json, os, subprocess, sys, time

def started():
    with open("/tmp/started") as file:
        text = file.read()
    return text if text.endswith("\\n") else ""

def once(act):
    before, begin = started(), time.time_ns()
    act()
    while (now := started()) in (before, ""):
        pass
    return (int(now) - begin) / 1e6

def restart():
    with open("/tmp/.restart-proc") as file:
        os.kill(int(file.read()), 10)

def floor():
    beside.append(subprocess.Popen(["sh", "-c", sys.argv[2]]))

beside, figures = [], {"restart": [], "floor": []}
for _ in range(int(sys.argv[1])):
    for name, act in (("restart", restart), ("floor", floor)):
        time.sleep(0.1)
        figures[name].append(once(act))
    beside.pop().kill()
print(json.dumps(figures))
"""


def run(tools, quick):
    count = 10 if quick else 40
    table.heading("`restart_process()`, an image with a shell")
    devloop = tools[0]
    with Ground("restart") as ground:
        ground.write("web/Dockerfile", "FROM python:3.11-slim\nCOPY . /app\n")
        image = f"{ground.namespace}/web"
        yaml = ground.deployment("web", image)
        ground.write("web/k8s.yaml", "\n".join(line for line in yaml.splitlines() if "readinessProbe" not in line) + "\n")
        ground.write("Devfile", f"docker_build('{image}', 'web', entrypoint={json.dumps(['sh', '-c', PROCESS])},\n"
                     "    live_update=[sync('web', '/app'), restart_process()])\nk8s_yaml('web/k8s.yaml')\n")
        with Running(devloop, ground.path, arguments=["-f", "Devfile"]):
            pod = wait_until("the pod", lambda: (ready_pods(ground) or [None])[0])
            inside = ["exec", pod, "--"]
            wait_until("the process", lambda: ground.kubectl(*inside, "sh", "-c", "cat /tmp/started || true"))
            figures = json.loads(ground.kubectl(*inside, "python3", "-c", LOOK, str(count), PROCESS))
    table.measured(f"{devloop.name}: signal → the new process says its time", figures["restart"])
    table.measured("floor: the same process started beside it → it says its time", figures["floor"])
