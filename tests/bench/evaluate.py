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
        write_teams(ground, "services", SERVICES.replace("MANIFESTS", MANIFESTS))
        write_teams(ground, "images", IMAGES)
        for number in range(FILES):
            ground.write(f"images/teams/team{number}/src/Dockerfile", "FROM scratch\nCOPY . /\n")
            for service in range(RESOURCES_PER_FILE):
                name = f"team{number}-service{service}"
                ground.write(f"images/yaml/{name}.yaml", MANIFESTS.replace("NAME", name).replace("IMAGE", f"example/{name}"))
        ground.write("small/Devfile", "local_resource('web', 'true', deps=['src'])\n")
        resources = f"{FILES * RESOURCES_PER_FILE} resources over {FILES} files"
        for folder, what in [
            (".", f"{resources}, half of them Deployments"),
            ("services", f"{resources}, each a Deployment and a Service from a template"),
            ("images", f"{resources}, each a Deployment and a Service from a file, with an image that is built"),
            ("small", "one resource"),
        ]:
            command = [devloop.path, "config", "-f", str(ground.path / folder / "Devfile")]
            timed(command)
            table.measured(f"devloop: `config`, {what}", [timed(command) for _ in range(count)])


def write_large(ground):
    """A project as monorepos have them: one file per team, functions from a library, YAML made from templates."""
    ground.write("lib/service.star", LIBRARY)
    write_teams(ground, ".", TEAM)


def write_teams(ground, folder, text):
    """A Devfile that loads one of each team, and runs the function in it."""
    loads = []
    for number in range(FILES):
        devfile = text.replace("NUMBER", str(number)).replace("COUNT", str(RESOURCES_PER_FILE))
        ground.write(f"{folder}/teams/team{number}/Devfile", devfile)
        loads.append(f"load('./teams/team{number}/Devfile', team{number}='team')")
    names = ", ".join(f"team{number}" for number in range(FILES))
    ground.write(f"{folder}/Devfile", "\n".join(loads) + f"\nfor team in [{names}]:\n    team()\n")


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
    for i in range(COUNT):
        name = "teamNUMBER-service%d" % i
        if i % 2 == 0:
            service(name, 10000 + NUMBER * COUNT + i)
        else:
            local_resource(name, cmd="make %s" % name, deps=["src/%s" % name], labels=["teamNUMBER"])
'''

MANIFESTS = '''apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  labels:
    app: NAME
spec:
  replicas: 1
  selector:
    matchLabels:
      app: NAME
  template:
    metadata:
      labels:
        app: NAME
    spec:
      containers:
      - name: main
        image: IMAGE
        ports:
        - containerPort: 8080
        env:
        - name: MODE
          value: development
        - name: WORKERS
          value: "1"
        resources:
          limits: {cpu: 100m, memory: 64Mi}
---
apiVersion: v1
kind: Service
metadata:
  name: NAME
spec:
  selector:
    app: NAME
  ports:
  - port: 80
    targetPort: 8080
'''

SERVICES = '''
TEMPLATE = """MANIFESTS"""

def team():
    for i in range(COUNT):
        name = "teamNUMBER-service%d" % i
        k8s_yaml(blob(TEMPLATE.replace("NAME", name).replace("IMAGE", "nginx")))
        k8s_resource(name, port_forwards=[10000 + NUMBER * COUNT + i], labels=["teamNUMBER"])
'''

IMAGES = '''
def team():
    for i in range(COUNT):
        name = "teamNUMBER-service%d" % i
        docker_build(
            "example/" + name,
            "teams/teamNUMBER/src",
            live_update=[sync("teams/teamNUMBER/src/app", "/app"), run("make", trigger="teams/teamNUMBER/src/app/Makefile")],
        )
        k8s_yaml("yaml/%s.yaml" % name)
        k8s_resource(name, port_forwards=port_forward(10000 + NUMBER * COUNT + i, 8080), labels=["teamNUMBER"])
'''
