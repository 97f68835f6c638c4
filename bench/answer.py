"""Stands for the engines of one node: answers HTTP on every port of a range, from the moment a file appears.

    python answer.py FIRST COUNT GO OPEN

One process for all, as the nodes of the benchmark share one machine. Appends the time at which it
listened everywhere to the file OPEN.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read one request and answer it."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    await writer.drain()
    writer.close()


async def main(first: int, count: int, go: Path, listening: Path) -> None:
    """Listen and never return."""
    while not go.exists():
        await asyncio.sleep(0.02)
    for port in range(first, first + count):
        await asyncio.start_server(answer, port=port)
    with listening.open("a") as file:
        file.write(f"{time.time():.6f}\n")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))
