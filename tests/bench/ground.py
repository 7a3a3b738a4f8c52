"""A project in a temporary folder, a namespace of its own, and the tools that are run in it."""

import contextlib
import fcntl
import functools
import http.client
import os
import pathlib
import pty
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time

DEADLINE = 300


class Failed(Exception):
    """What was measured did not work."""


def sh(*argv, **options):
    """Runs a command to its end; returns what it printed."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


@functools.cache
def docker():
    """A client that can build with BuildKit: one of its own time, or one with the buildx plugin."""
    for folder in os.environ["PATH"].split(":"):
        program = os.path.join(folder, "docker")
        if os.access(program, os.X_OK):
            version = sh(program, "version", "--format", "{{.Client.Version}}")
            plugin = subprocess.run([program, "buildx", "version"], capture_output=True)
            if int(version.split(".")[0]) < 23 or plugin.returncode == 0:
                return program
    raise Failed("no docker client that can build with BuildKit; install docker-buildx")


def wait_until(what, ask, pause=0.02):
    """Waits until `ask` returns something true, and returns it."""
    until = time.monotonic() + DEADLINE
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if answer := ask():
                return answer
        if time.monotonic() > until:
            raise Failed(f"waited in vain for {what}")
        time.sleep(pause)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Tool:
    """devloop, or a peer that takes the same commands."""

    def __init__(self, name, path):
        self.name, self.path = name, str(pathlib.Path(path).resolve())


class Ground:
    """A folder and a namespace; both go when the `with` block ends."""

    count = 0

    def __init__(self, name):
        Ground.count += 1
        self.namespace = f"devloop-bench-{name}-{os.getpid()}-{Ground.count}"

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="devloop-bench-"))
        sh("kubectl", "create", "namespace", self.namespace)
        return self

    def __exit__(self, *_):
        subprocess.run(["kubectl", "delete", "namespace", self.namespace, "--wait=false"], capture_output=True)
        # The images of this run, by their name; what they share with others stays.
        mine = [line for line in sh(docker(), "images", "--format", "{{.Repository}}:{{.Tag}}").split()
                if self.namespace in line]
        if mine:
            subprocess.run([docker(), "rmi", "-f", *mine], capture_output=True)
        shutil.rmtree(self.path, ignore_errors=True)

    def write(self, path, text):
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def kubectl(self, *argv):
        return sh("kubectl", "-n", self.namespace, *argv)

    def deployment(self, name, image, replicas=1):
        return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {self.namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: {name}
        image: {image}
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{port: 8080, path: /}}, periodSeconds: 1}}
"""

    def small_service(self, name):
        """One of many: a folder that busybox serves. Returns its part of the Devfile."""
        self.write(f"{name}/Dockerfile", "FROM busybox\nCOPY www /www\n"
                   'CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n')
        self.write(f"{name}/www/index.html", f"hello from {name} in {self.namespace}\n")
        self.write(f"{name}/k8s.yaml", self.deployment(name, f"{self.namespace}/{name}"))
        return (f"docker_build('{self.namespace}/{name}', '{name}', live_update=[sync('{name}/www', '/www')])\n"
                f"k8s_yaml('{name}/k8s.yaml')\n"
                f"k8s_resource('{name}', port_forwards='{free_port()}:8080')\n")


class Running:
    """A tool's `up` with everything that it says; with `terminal` its dashboard on a terminal of its own."""

    def __init__(self, tool, path, terminal=False, arguments=()):
        argv = [tool.path, "up", *([] if terminal else ["--stream"]), *arguments]
        self.said, self.first_frame, self.started = "", None, time.perf_counter()
        # Told of everything that it writes, with the moment.
        self.watch = None
        if terminal:
            self.output, other = pty.openpty()
            fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
            self.child = subprocess.Popen(argv, cwd=path, stdin=other, stdout=other, stderr=other,
                                          start_new_session=True)
            os.close(other)
        else:
            self.child = subprocess.Popen(argv, cwd=path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT)
            self.output = self.child.stdout.fileno()
        self.pid = self.child.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with contextlib.suppress(OSError):
            while data := os.read(self.output, 65536):
                now = time.perf_counter()
                if self.watch:
                    self.watch(data, now)
                self.said = (self.said + data.decode(errors="replace"))[-1_000_000:]
                # The first frame has the row of the configuration.
                if self.first_frame is None and "(Devfile)" in self.said:
                    self.first_frame = now - self.started

    def wait_for(self, text, after=0):
        def heard():
            if self.child.poll() is not None and text not in self.said[after:]:
                raise Failed(f"it has ended:\n{self.said[-3000:]}")
            return text in self.said[after:]

        try:
            wait_until(f"`{text}`", heard, 0.002)
        except Failed as error:
            raise Failed(f"{error}; it said\n{self.said[-3000:]}") from None

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Connection:
    """A kept HTTP connection."""

    def __init__(self, port):
        self.port, self.http = port, None

    def get(self, path="/"):
        if self.http is None:
            self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            self.http.connect()
            self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.http.request("GET", path)
            return self.http.getresponse().read().decode().strip()
        except (OSError, http.client.HTTPException):
            self.http.close()
            self.http = None
            raise


@contextlib.contextmanager
def kubectl_forward(ground, pod):
    """kubectl's own forward to a pod; gives the local port."""
    port = free_port()
    child = subprocess.Popen(["kubectl", "-n", ground.namespace, "port-forward", pod, f"{port}:8080"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(f"the forward to {pod}", lambda: Connection(port).get("/clock"))
        yield port
        # It does not heal by itself when the API server is restarted.
        if child.poll() is not None:
            raise Failed(f"kubectl's forward to {pod} has ended meanwhile: the figures are of no use")
    finally:
        child.terminate()
        child.wait()
