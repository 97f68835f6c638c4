"""A stand-in for an inference engine: binds its ports, answers HTTP, and fails in every way asked for.

usage: stub.py [OPTION VALUE]... [WORD...]

    --record FILE       write what this process sees as JSON
    --host ADDRESS      where to bind (default: DYNPLAN_IP, else every address)
    --bind N[,N][,A-B]  ports to bind besides every DYNPLAN_PORT_* (with its _LAST)
    --ready-after S     /health says 503 until then
    --say TEXT          print the line at once; --say-ready TEXT when ready; --say-after S,TEXT
    --exit-after S[,N]  exit with status N (default 0)
    --kill-after S,SIG  die by a signal
    --hang-after S      stop answering, keep the ports
    --ignore-term       shrug off SIGTERM
    --term-takes S      clean up for so long on SIGTERM
    --daemon S          leave a process behind that ignores SIGTERM, in a session of its own
    --child             a child process in the same group
    --no-ports          bind nothing

Other words stay in the record as `argv`. Without --exit-after or --kill-after it serves for ever.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VALUES = {"record", "host", "bind", "ready-after", "say", "say-ready", "say-after", "exit-after"}
VALUES |= {"kill-after", "hang-after", "term-takes", "daemon"}
FLAGS = {"ignore-term", "child", "no-ports"}


def read_arguments(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Split the arguments into our options and the other words."""
    options: dict[str, str] = {}
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        name = word.removeprefix("--")
        if word.startswith("--") and name in VALUES:
            options[name] = next(rest)
        elif word.startswith("--") and name in FLAGS:
            options[name] = "yes"
        else:
            others.append(word)
    return options, others


def planned_ports(environment: dict[str, str]) -> list[int]:
    """Every port of DYNPLAN_PORT_NAME, up to DYNPLAN_PORT_NAME_LAST."""
    ports: list[int] = []
    for name, value in sorted(environment.items()):
        if name.startswith("DYNPLAN_PORT_") and not name.endswith("_LAST"):
            last = environment.get(f"{name}_LAST", value)
            ports.extend(range(int(value), int(last) + 1))
    return ports


def port_list(text: str) -> list[int]:
    """`1,5-7` as 1, 5, 6, 7."""
    ports: list[int] = []
    for item in filter(None, text.split(",")):
        start, _, end = item.partition("-")
        ports.extend(range(int(start), int(end or start) + 1))
    return ports


class Worker:
    """The state that the HTTP handlers look at."""

    def __init__(self, options: dict[str, str]) -> None:
        self.options = options
        self.began = time.monotonic()

    def age(self) -> float:
        return time.monotonic() - self.began

    def is_ready(self) -> bool:
        return self.age() >= float(self.options.get("ready-after", "0"))

    def is_stuck(self) -> bool:
        return "hang-after" in self.options and self.age() >= float(self.options["hang-after"])


def handler_for(worker: Worker) -> type[BaseHTTPRequestHandler]:
    """The HTTP face of one worker."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_GET(self) -> None:
            while worker.is_stuck():
                time.sleep(0.1)
            if self.path == "/metrics":
                self.answer(200, "stub_up 1\n")
            elif worker.is_ready():
                self.answer(200, '{"status": "ready"}')
            else:
                self.answer(503, '{"status": "starting"}')

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            sent = self.rfile.read(length).decode()
            if self.headers.get("Content-Type") != "application/json":
                self.answer(415, "not JSON")
            elif worker.is_ready():
                self.answer(200, json.dumps({"echo": json.loads(sent)}))
            else:
                self.answer(503, "starting")

        def log_message(self, *_: object) -> None:
            return

    return Handler


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def write_record(path: str, others: list[str], ports: list[int]) -> None:
    """Append one line of JSON: what this process sees."""
    keep = ("DYNPLAN_", "CUDA_", "ROCR_", "HIP_", "ZE_", "GPU_DEVICE_", "SLURM_PROCID", "SLURM_STEP_ID", "STUB_")
    record = {
        "argv": others,
        "ports": ports,
        "cuda": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "cwd": str(Path.cwd()),
        "env": {k: v for k, v in os.environ.items() if k.startswith(keep)},
        "env-names": sorted(os.environ),
        "fds": sorted(int(fd.name) for fd in Path("/proc/self/fd").iterdir()),
    }
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def on_term(options: dict[str, str]) -> None:
    """React to SIGTERM as told; without a word about it, die of it."""
    if "ignore-term" in options:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif "term-takes" in options:

        def stop(signum: int, frame: object) -> None:
            print("stub: stopping", flush=True)
            time.sleep(float(options["term-takes"]))
            print("stub: stopped", flush=True)
            os._exit(0)

        signal.signal(signal.SIGTERM, stop)


def say_later(delay: float, text: str) -> None:
    """Print a line after some seconds, from a thread."""
    timer = threading.Timer(delay, lambda: print(text, flush=True))
    timer.daemon = True
    timer.start()


def listen(options: dict[str, str], ports: list[int]) -> None:
    """Serve HTTP on every port, each in a thread of its own."""
    host = options.get("host", os.environ.get("DYNPLAN_IP", ""))
    worker = Worker(options)
    for port in ports:
        kind = type("", (Server,), {"address_family": socket.AF_INET6}) if ":" in host else Server
        server = kind((host, port), handler_for(worker))
        threading.Thread(target=server.serve_forever, daemon=True).start()


def leave_processes(options: dict[str, str]) -> None:
    """Start what a worker may leave behind: a daemon in a session of its own, a child in our group."""
    if "daemon" in options:
        sleeper = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(%s)"
        subprocess.Popen(
            [sys.executable, "-c", sleeper % options["daemon"]],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    if "child" in options:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def end(options: dict[str, str]) -> None:
    """End as told, or never."""
    if "exit-after" in options:
        delay, _, status = options["exit-after"].partition(",")
        time.sleep(float(delay))
        print(f"stub: exits with {status or 0}", flush=True)
        os._exit(int(status or 0))
    if "kill-after" in options:
        delay, _, name = options["kill-after"].partition(",")
        time.sleep(float(delay))
        print(f"stub: dies of SIG{name}", flush=True)
        os.kill(os.getpid(), signal.Signals[f"SIG{name}"])
    while True:
        time.sleep(3600)


def main() -> None:
    """Run the stub."""
    options, others = read_arguments(sys.argv[1:])
    on_term(options)
    ports = [] if "no-ports" in options else planned_ports(dict(os.environ))
    ports += port_list(options.get("bind", ""))
    if "say" in options:
        print(options["say"], flush=True)
    listen(options, ports)
    if "record" in options:
        write_record(options["record"], others, ports)
    if "say-ready" in options:
        say_later(float(options.get("ready-after", "0")), options["say-ready"])
    if "say-after" in options:
        delay, _, text = options["say-after"].partition(",")
        say_later(float(delay), text)
    if "hang-after" in options:
        say_later(float(options["hang-after"]), "stub: hangs")
    leave_processes(options)
    end(options)


if __name__ == "__main__":
    main()
