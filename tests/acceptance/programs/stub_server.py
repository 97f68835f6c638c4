"""A server that answers like an engine, with its own name for text: `stub_server.py PORT NAME`.

It stands behind routers and proxies, which are real. POST /stop ends it.
"""

import json
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, NAME = int(sys.argv[1]), sys.argv[2]
# What routers ask an engine about itself before they use it.
SELF = {"status": "ok", "model_path": "stub", "served_model_name": "stub", "data": [{"id": "stub", "object": "model"}]}
ANSWER = {"id": "1", "object": "text_completion", "model": "stub", "choices": [{"index": 0, "text": NAME}]}


class Handler(BaseHTTPRequestHandler):
    """Answers every GET about the server, and every POST as a completion."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(SELF)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(ANSWER)
        if self.path == "/stop":
            threading.Thread(target=server.shutdown).start()

    def answer(self, record: Mapping[str, object]) -> None:
        body = json.dumps(record).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("", PORT), Handler)
server.daemon_threads = True
server.serve_forever()
