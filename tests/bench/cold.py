"""The first live update after a start, beside a raw exec."""

import time

import table
from ground import Connection, Ground, Running, kubectl_forward, wait_until
from live_update import clock_offset, ready_pods, save, seen_at, service, timed


def run(tools, quick):
    count = 3 if quick else 15
    table.heading("The first live update after a start, 1 pod, one file of 20 bytes")
    for tool in tools:
        with Ground("cold") as ground:
            port = service(ground, 1)
            values = [first_update(ground, tool, port, number) for number in range(count + 1)]
            # The very first start builds and deploys; that is another figure.
            table.measured(f"{tool.name}: first save after a start → file in the container",
                           values[1:])
            if tool.name == "devloop":
                floors(ground, max(10, count))


def first_update(ground, tool, port, number):
    file, text = ground.path / "web/www/text", f"cold-{number}"
    with Running(tool, ground.path, arguments=["-f", "Devfile"]) as up:
        through = Connection(port)
        wait_until("the first answer", lambda: through.get() == "first")
        quiet(up)
        with kubectl_forward(ground, ready_pods(ground)[0]) as forward:
            connection = Connection(forward)
            offset = clock_offset(connection)
            wall, _ = save(file, text)
            taken = (seen_at(connection, text) - offset - wall) / 1e6
        # Taken back, so that the next start finds image and pod as they are.
        save(file, "first")
        wait_until("the former text", lambda: through.get() == "first")
        quiet(up)
        return taken


def quiet(up):
    """Until it has said nothing for a second."""
    length = -1
    while length != len(up.said):
        length = len(up.said)
        time.sleep(1)


def floors(ground, count):
    pod = ready_pods(ground)[0]
    local = ground.write("floor/text", "twenty bytes of text\n").parent
    exec_in = f"kubectl -n {ground.namespace} exec"
    table.measured("floor: `kubectl exec … true`", [timed(["sh", "-c", f"{exec_in} {pod} -- true"]) for _ in range(count)])
    pipe = f"tar -C {local} -cf - text | {exec_in} -i {pod} -- tar -C /tmp -xf -"
    table.measured("floor: `tar … \\| kubectl exec -i … tar -x`", [timed(["sh", "-c", pipe]) for _ in range(count)])
