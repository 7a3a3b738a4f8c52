"""A live update with a `run` step, beside a raw exec of the same command."""

import table
from ground import Connection, Ground, Running, wait_until
from live_update import present, ready_pods, service, timed

COMMAND = "cp /app/in/text /app/www/text"


def run(tools, quick):
    count = 10 if quick else 40
    table.heading("Live update with a `run` step, 1 pod, warm")
    for tool in tools:
        with Ground("run") as ground:
            # What the service looks at is what the command makes of the file.
            port = service(ground, 1, f"sync('web/in', '/app/in'), run('{COMMAND}')")
            file = ground.write("web/in/text", "first\n")
            with Running(tool, ground.path, arguments=["-f", "Devfile"]):
                through = Connection(port)
                wait_until("the first answer", lambda: through.get() == "first")
                file.write_text("warm-up\n")
                wait_until("the first update", lambda: through.get() == "warm-up")
                present(ground, tool, file, count, "what the `run` step makes of the file,")
                if tool.name == "devloop":
                    argv = ["kubectl", "-n", ground.namespace, "exec", ready_pods(ground)[0], "--", "sh", "-c", COMMAND]
                    table.measured("floor: `kubectl exec … sh -c` of the same command", [timed(argv) for _ in range(count)])
