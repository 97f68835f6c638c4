"""A registry on the loopback, with one image that holds bash: `registry.py PORT FOLDER`, until it is ended.

It speaks as much of https://distribution.github.io/distribution/spec/api/ as it takes to pull `engine:1`; of
all else it says that there is no such thing. `FOLDER/ready` is there when it listens, and `FOLDER/requests` has a
line for each blob that was asked for.
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DOCKER = "application/vnd.docker."


def layer() -> bytes:
    """Return the one layer of the image: `/bin/bash`, `/bin/sh`, and folders."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w") as tar:
        for name in ("bin", "tmp", "work", "etc"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        tar.add("/bin/bash-static", "bin/bash")
        link = tarfile.TarInfo("bin/sh")
        link.type, link.linkname = tarfile.SYMTYPE, "bash"
        tar.addfile(link)
    return found.getvalue()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def described(data: bytes, kind: str) -> dict[str, str | int]:
    return {"mediaType": DOCKER + kind, "size": len(data), "digest": digest(data)}


TAR = layer()
LAYER = gzip.compress(TAR, mtime=0)  # every registry has the same
CONFIG = json.dumps(
    {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "WorkingDir": "/work"},
        "rootfs": {"type": "layers", "diff_ids": [digest(TAR)]},
    }
).encode()
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": f"{DOCKER}distribution.manifest.v2+json",
        "config": described(CONFIG, "container.image.v1+json"),
        "layers": [described(LAYER, "image.rootfs.diff.tar.gzip")],
    }
).encode()
BLOBS = {digest(data): data for data in (CONFIG, LAYER)}
FOLDER = Path(sys.argv[2])


class Registry(BaseHTTPRequestHandler):
    """Answers."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        """Say what is asked for, with its head alone for HEAD."""
        *_, kind, name = self.path.split("/")
        status, media, data = 404, "application/json", b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'
        if self.path == "/v2/":
            status, data = 200, b"{}"
        elif self.path.startswith("/v2/engine/manifests/"):
            status, media, data = 200, f"{DOCKER}distribution.manifest.v2+json", MANIFEST
        elif kind == "blobs" and name in BLOBS:
            status, media, data = 200, "application/octet-stream", BLOBS[name]
            with (FOLDER / "requests").open("a") as file:
                file.write(f"{name}\n")
        self.send_response(status)
        for header, text in (("Type", media), ("Length", len(data))):
            self.send_header(f"Content-{header}", str(text))
        self.send_header("Docker-Content-Digest", digest(data))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Registry)
    (FOLDER / "ready").touch()
    server.serve_forever()
