"""Starts, asks and stops real `hone serve` processes."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

READY_TIMEOUT = 60
STOP_TIMEOUT = 60


def cache_folder():
    for variable, below in (
        ("HONE_CACHE", ""),
        ("XDG_CACHE_HOME", "hone"),
        ("HOME", ".cache/hone"),
    ):
        if os.environ.get(variable):
            return pathlib.Path(os.environ[variable]) / below
    raise RuntimeError("set HONE_CACHE to the folder that `cargo xtask models` filled")


def binary():
    path = os.environ.get("HONE_BIN") or cache_folder() / "target/fast/hone"
    if not pathlib.Path(path).exists():
        raise RuntimeError(f"no {path}: `cargo build --profile fast -p hone`, or set HONE_BIN")
    return str(path)


def free_ports(count):
    """Ports that nothing listens on; all are held until all are known."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [held.getsockname()[1] for held in sockets]


class Response:
    """Status, headers and body of an HTTP response."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def error(self):
        """The message of an error; fails if this is none."""
        assert self.status >= 400, f"{self.status}: {self.body[:200]}"
        return self.json()["error"]


class Server:
    """One `hone serve`; `with` stops it."""

    def __init__(self, log, *arguments):
        self.log = pathlib.Path(log)
        self.http_port, self.grpc_port, self.metrics_port = free_ports(3)
        command = [binary(), "serve", *map(str, arguments), "--host", "127.0.0.1"]
        command += ["--http-port", str(self.http_port), "--grpc-port", str(self.grpc_port)]
        command += ["--metrics-port", str(self.metrics_port)]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    @property
    def http_url(self):
        return f"127.0.0.1:{self.http_port}"

    @property
    def grpc_url(self):
        return f"127.0.0.1:{self.grpc_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def wait_until_ready(self):
        self.wait_until(lambda: self.request("GET", "/v2/health/ready").status == 200)
        return self

    def wait_until(self, condition, seconds=READY_TIMEOUT):
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(ConnectionError):
                if condition():
                    return
            log = self.log.read_text(errors="replace")[-3000:]
            assert self.process.poll() is None, f"the server ended: {log}"
            assert time.monotonic() < deadline, f"the server did not get there: {log}"
            time.sleep(0.02)

    def stop(self, number=signal.SIGTERM):
        """Sends the signal and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT)

    def connect(self, port=None):
        return http.client.HTTPConnection("127.0.0.1", port or self.http_port, timeout=60)

    def request(self, method, path, body=None, headers=None, port=None):
        """One request on a connection of its own; dicts and lists go as JSON."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        connection = self.connect(port)
        try:
            connection.request(method, path, body, headers or {})
            return Response(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=b"", headers=None):
        return self.request("POST", path, body, headers)

    def infer(self, model, body, headers=None):
        return self.post(f"/v2/models/{model}/infer", body, headers)

    def metrics(self):
        return self.get("/metrics", port=self.metrics_port).body.decode()

    def is_alive(self):
        """Whether a good request is answered."""
        return self.process.poll() is None and self.get("/v2/health/live").status == 200

    def memory_bytes(self):
        """Resident memory now."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")
