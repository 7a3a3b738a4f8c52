"""A start with nothing changed: `ci` until everything is ready and it has ended, with images, registry and pods as they are."""

import table
from ground import Ground, docker, sh
from live_update import timed


def run(tools, quick):
    count = 3 if quick else 10
    for services in (1, 5) if quick else (1, 15):
        table.heading(f"Start with nothing changed, {services} small service{'s' if services > 1 else ''}")
        for tool in tools:
            with Ground("again") as ground:
                parts = [ground.small_service(f"service-{number}") for number in range(services)]
                ground.write("Devfile", "".join(parts))
                start = [tool.path, "ci", "-f", str(ground.path / "Devfile")]
                sh(*start)
                before = ground.kubectl("get", "deployments", "-o", "jsonpath={.items[*].metadata.generation}")
                table.measured(f"{tool.name}: `ci`: start → all ready → end", [timed(start) for _ in range(count)])
                after = ground.kubectl("get", "deployments", "-o", "jsonpath={.items[*].metadata.generation}")
                if before != after:
                    print(f"{tool.name} has changed the deployments", flush=True)
                namespace = ground.namespace
                table.measured("floor: `kubectl get pods`", [timed(["kubectl", "-n", namespace, "get", "pods"])
                                                             for _ in range(count)])
                table.measured("floor: `docker image ls`", [timed([docker(), "image", "ls", "-q"])
                                                            for _ in range(count)])
