"""The same live update into one pod and into ten."""

import statistics

import table
from ground import Connection, Ground, Running, wait_until
from live_update import present, ready_pods, service


def run(tools, quick):
    count, many = (5, 3) if quick else (40, 10)
    table.heading(f"Live update, one file of 20 bytes, 1 pod and {many} pods, warm")
    for tool in tools:
        medians = []
        for replicas in (1, many):
            with Ground("pods") as ground:
                port = service(ground, replicas)
                file = ground.path / "web/www/text"
                with Running(tool, ground.path, arguments=["-f", "Devfile"]):
                    through = Connection(port)
                    wait_until("the first answer", lambda: through.get() == "first")
                    wait_until("all pods", lambda: len(ready_pods(ground)) == replicas)
                    file.write_text("warm-up\n")
                    wait_until("the first update", lambda: through.get() == "warm-up")
                    medians.append(statistics.median(present(ground, tool, file, count)))
        table.single(f"{tool.name}: {many} pods ÷ 1 pod, medians", medians[1] / medians[0], "")
