"""Stands in for every engine, router and service of an imported job: answers on all its ports until it is ended.

A port that somebody else holds ends it. Where its command names a file of the job, that file must be there.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# What the presets' probes and a client look for, all in one.
ANSWER = {"health": "true", "status": "ready", "data": [{"id": "model", "object": "model"}]}


class Handler(BaseHTTPRequestHandler):
    """Says the same to everybody."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(ANSWER).encode())

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for


for word in sys.argv[1:]:
    if word.startswith(os.environ["DYNPLAN_JOB_DIR"]) and Path(word).suffix:
        Path(word).read_text(encoding="utf-8")
ports = {int(number) for name, number in os.environ.items() if name.startswith("DYNPLAN_PORT_") and number.isdigit()}
servers = [ThreadingHTTPServer(("", port), Handler) for port in sorted(ports)]
for server in servers:
    threading.Thread(target=server.serve_forever).start()
print("serving on", *sorted(ports), flush=True)
