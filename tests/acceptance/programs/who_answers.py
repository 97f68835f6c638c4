"""Ask every door several times who stands behind it, before and after one server is stopped.

    who_answers.py STOP-URL DOOR-URL...

Writes `answers.json` into the working directory: for each door, the names heard before and after.
"""

import json
import socket
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

TIMES = 20


def post(url: str) -> str:
    """Return the text of one completion."""
    body = json.dumps({"model": "stub", "prompt": "who are you", "max_tokens": 8}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - the job names it
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - as above
        return str(json.load(response)["choices"][0]["text"])


def heard(door: str) -> list[str]:
    """Return every name that answers at a door."""
    return sorted({post(f"{door}/v1/completions") for _ in range(TIMES)})


def until_gone(url: str) -> None:
    """Wait until nothing listens there."""
    place = urlsplit(url)
    try:
        while True:
            socket.create_connection((place.hostname, place.port), timeout=5).close()
            time.sleep(0.1)
    except ConnectionRefusedError:
        return


stop, *doors = sys.argv[1:]
before = {door: heard(door) for door in doors}
post(f"{stop}/stop")
until_gone(stop)
after = {door: heard(door) for door in doors}
Path("answers.json").write_text(json.dumps({door: [before[door], after[door]] for door in doors}, indent=1) + "\n")
