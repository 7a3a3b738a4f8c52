"""Until `config` has printed, and until the dashboard is there."""

import shutil

import table
from ground import Ground, Running, wait_until
from live_update import timed


def run(tools, quick):
    count = 10 if quick else 40
    devloop = tools[0]
    table.heading("Start-up")
    with Ground("start") as ground:
        ground.write("Devfile", ground.small_service("web"))
        project = ["-f", str(ground.path / "Devfile")]
        for _ in range(3):
            timed([devloop.path, "config", *project])
        table.measured("devloop: `config`, one service", [timed([devloop.path, "config", *project]) for _ in range(count)])
        table.measured("devloop: `version`", [timed([devloop.path, "version"]) for _ in range(count)])
        table.measured("floor: `true`", [timed([shutil.which("true")]) for _ in range(count)])
        table.measured("devloop: `up` → first frame on a terminal", [first_frame(devloop, ground) for _ in range(count)])


def first_frame(devloop, ground):
    # A Devfile without work: what comes after the frame would only disturb the next start.
    ground.write("idle/Devfile", "local_resource('server', serve_cmd='sleep infinity')\n")
    with Running(devloop, ground.path / "idle", terminal=True) as up:
        wait_until("the first frame", lambda: up.first_frame, 0.005)
        return up.first_frame * 1000
