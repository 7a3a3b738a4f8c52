"""One changed file in a large context: until the image is built, beside `docker build` of the same."""

import os
import re
import time

import table
from ground import Ground, Running, docker, sh, wait_until


def run(tools, quick):
    files, count = (5_000, 2) if quick else (50_000, 4)
    table.heading(f"Rebuild after one changed file in a context of {files:,} files, {files // 100} MB")
    for tool in tools:
        with Ground("rebuild") as ground:
            context(ground, files)
            ground.write("Devfile", f"docker_build('{ground.namespace}/web', 'web')\nk8s_yaml('k8s.yaml')\n")
            ground.write("k8s.yaml", ground.deployment("web", f"{ground.namespace}/web"))
            with Running(tool, ground.path, arguments=["-f", "Devfile"]) as up:
                wait_until("the first pod", lambda: image(ground))
                values = []
                for number in range(count):
                    before, moment = image(ground), time.perf_counter()
                    ground.write("web/first/changed", f"{number}\n")
                    wait_until("another image", lambda: image(ground) not in ("", before))
                    values.append((time.perf_counter() - moment) * 1000)
                table.measured(f"{tool.name}: save → new image built, pushed and in the Deployment", values)
    with Ground("rebuild") as ground:
        context(ground, files)
        name = f"localhost:5000/{ground.namespace}/by-hand"
        builds, pushes = [], []
        for number in range(count + 1):
            ground.write("web/first/changed", f"{number}\n")
            moment = time.perf_counter()
            sh(docker(), "build", "-q", "-t", name, ground.path / "web", env={**os.environ, "DOCKER_BUILDKIT": "1"})
            builds.append((time.perf_counter() - moment) * 1000)
            moment = time.perf_counter()
            sh(docker(), "push", "-q", name)
            pushes.append((time.perf_counter() - moment) * 1000)
        table.measured("floor: `docker build` with BuildKit", builds[1:])
        table.measured("floor: `docker push`", pushes[1:])
        table.measured("floor: both", [build + push for build, push in zip(builds, pushes)][1:])


def context(ground, files):
    ground.write("web/Dockerfile", "FROM busybox\nCOPY . /srv\n"
                 'CMD ["sh", "-c", "echo ok >/tmp/index.html; httpd -f -p 8080 -h /tmp"]\n')
    ground.write("web/first/changed", f"{ground.namespace}\n")
    for number in range(files):
        folder = ground.path / f"web/d{number // 500}"
        if number % 500 == 0:
            folder.mkdir()
        (folder / f"f{number}").write_text((f"file {number} of {ground.namespace}\n" * 400)[:10_000])


def image(ground):
    """The image that the Deployment asks for."""
    found = ground.kubectl("get", "deployment", "-o", "jsonpath={.items[*].spec.template.spec.containers[0].image}")
    return found if re.search(r":[^/]+$", found) else ""
