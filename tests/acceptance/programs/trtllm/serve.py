"""A stub of `trtllm-serve`: a server that has read its YAML file, and the one that stands before several.

    trtllm-serve MODEL --config FILE --host HOST --port PORT ...
    trtllm-serve disaggregated -c FILE ...

A server answers a completion with its address and what its file says; the one before them asks all of them.
"""

import argparse
import json
import os
import sys
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]  # Debian's Python has it

Record = dict[str, Any]


def fetch(url: str, body: bytes | None = None) -> Record:
    with urllib.request.urlopen(url, body, timeout=30) as response:  # noqa: S310 - the file names it
        found: Record = json.load(response)
    return found


def serve(host: str, port: int, health: Callable[[], object], complete: Callable[[bytes], str]) -> None:
    """Answer until the process is ended."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                self.answer(200, {"health": health()})
            except OSError as error:
                self.answer(503, {"error": str(error)})

        def do_POST(self) -> None:
            text = complete(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, {"choices": [{"index": 0, "text": text}]})

        def answer(self, status: int, record: Record) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(record).encode())

    ThreadingHTTPServer((host, port), Handler).serve_forever()


def one(words: list[str]) -> None:
    """Be a context or a generation server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    for name in ("--config", "--host", "--port", "--tp_size", "--ep_size", "--gpus_per_node"):
        parser.add_argument(name)
    options = parser.parse_args(words)
    said = {"role": os.environ["DYNPLAN_ROLE"], **yaml.safe_load(Path(options.config).read_text())}
    serve(options.host, int(options.port), lambda: "good", lambda body: json.dumps(said))


def before_several(words: list[str]) -> None:
    """Be the server before the others: healthy when they are, and it asks each of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", type=Path)
    parser.add_argument("-r")
    config = yaml.safe_load(parser.parse_args(words).c.read_text())
    groups = [config["context_servers"], config["generation_servers"]]
    assert all(group["num_instances"] == len(group["urls"]) for group in groups)
    urls = [url for group in groups for url in group["urls"]]

    def complete(body: bytes) -> str:
        answers = [fetch(f"http://{url}/v1/completions", body)["choices"][0]["text"] for url in urls]
        return json.dumps([json.loads(answer) for answer in answers])

    serve(config["hostname"], config["port"], lambda: [fetch(f"http://{url}/health") for url in urls], complete)


if sys.argv[1] == "disaggregated":
    before_several(sys.argv[2:])
else:
    one(sys.argv[1:])
