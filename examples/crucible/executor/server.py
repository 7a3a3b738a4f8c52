"""Runs a program: in a process of its own, with limits, in a pod that may talk to nobody but the proxy of its node."""

import json
import os
import resource
import subprocess
import sys
import urllib.request

from service import serve

SECONDS = 5


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def node():
    """The proxy listens on the node's own address, which the pod gets as NODE_IP."""
    with urllib.request.urlopen(f"http://{os.environ['NODE_IP']}:12375/node", timeout=3) as answer:
        return json.load(answer)["node"]


def run(body):
    command = [sys.executable, "-I", "-c", body.decode()]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd="/tmp", preexec_fn=limits, env={})
        code, output = ended.returncode, ended.stdout + ended.stderr
    except subprocess.TimeoutExpired:
        code, output = 124, f"not done after {SECONDS} s\n"
    return {"code": code, "output": output[:10_000], "executor": os.environ["EXECUTOR"], "node": node()}


serve(8002, {("GET", "/health"): lambda body: {"status": "ok"}, ("POST", "/run"): run})
