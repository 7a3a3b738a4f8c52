"""How long configurations take to evaluate: a large one over many files, and a small one. Needs no cluster."""

import table
from ground import Ground
from live_update import timed

FILES = 200
RESOURCES_PER_FILE = 10


def run(tools, quick):
    count = 5 if quick else 20
    devloop = tools[0]
    table.heading("Evaluation")
    with Ground("evaluate") as ground:
        write_large(ground)
        ground.write("small/Devfile", "local_resource('web', 'true', deps=['src'])\n")
        large = [devloop.path, "config", "-f", str(ground.path / "Devfile")]
        small = [devloop.path, "config", "-f", str(ground.path / "small/Devfile")]
        timed(large)
        what = f"{FILES * RESOURCES_PER_FILE} resources over {FILES} files"
        table.measured(f"devloop: `config`, {what}", [timed(large) for _ in range(count)])
        timed(small)
        table.measured("devloop: `config`, one resource", [timed(small) for _ in range(count)])


def write_large(ground):
    """A project as monorepos have them: one file per team, functions from a library, YAML made from templates."""
    ground.write("lib/service.star", LIBRARY)
    loads = []
    for number in range(FILES):
        ground.write(f"teams/team{number}/Devfile", TEAM.format(number=number, count=RESOURCES_PER_FILE))
        loads.append(f"load('./teams/team{number}/Devfile', team{number}='team')")
    names = ", ".join(f"team{number}" for number in range(FILES))
    ground.write("Devfile", "\n".join(loads) + f"\nfor team in [{names}]:\n    team()\n")


LIBRARY = '''
def deployment(name, image, port, labels):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "main",
                    "image": image,
                    "ports": [{"containerPort": port}],
                    "env": [{"name": "VARIABLE_%d" % i, "value": "value %d" % i} for i in range(5)],
                }]},
            },
        },
    }

def service(name, port):
    labels = {"app": name, "team": name.split("-")[0]}
    k8s_yaml(encode_yaml(deployment(name, "nginx", port, labels)))
    k8s_resource(name, port_forwards=[port], labels=[name.split("-")[0]], resource_deps=[])
'''

TEAM = '''
load('../../lib/service.star', 'service')

def team():
    for i in range({count}):
        name = "team{number}-service%d" % i
        if i % 2 == 0:
            service(name, 10000 + {number} * {count} + i)
        else:
            local_resource(name, cmd="make %s" % name, deps=["src/%s" % name], labels=["team{number}"])
'''
