"""Command line of the testbed: `python -m tests.testbed up | run -- COMMAND... | down | shell`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from tests.testbed import Cluster, TestbedError, config, life
from tests.testbed.shell import open_shell


def up(args: argparse.Namespace) -> int:
    """Start a testbed that stays until `down`."""
    begin = time.monotonic()
    owner = life.start(args.dir, (config.Kind(args.nodes, args.gpus),))
    for number in (signal.SIGINT, signal.SIGTERM):  # too late to stop: what we say now must be true
        signal.signal(number, signal.SIG_IGN)
    owner.keep()
    print(f"{args.nodes} nodes in {args.dir}, up in {time.monotonic() - begin:.1f} s")
    return 0


def run(args: argparse.Namespace) -> int:
    """Become a command on the controller's node."""
    cluster = Cluster(args.dir)
    argv = cluster.argv(args.command)
    os.execvpe(argv[0], argv, cluster.environment)  # noqa: S606 - the point of this command


def shell(args: argparse.Namespace) -> int:
    """Start a testbed of its own, be a shell on its log-in node, and end it."""
    with Cluster.up(args.nodes, args.gpus) as cluster:
        names = ", ".join(cluster.node_names)
        print(f"A Slurm of its own, nodes {names} of {args.gpus} GPUs, which ends with this shell.", flush=True)
        return open_shell(cluster)


def down(args: argparse.Namespace) -> int:
    """End the testbed and remove its files."""
    life.stop(args.dir)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m tests.testbed", description=__doc__)
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--dir", type=Path, default=life.default_directory(), help="default: %(default)s")
    commands = top.add_subparsers(required=True)
    size = argparse.ArgumentParser(add_help=False)
    size.add_argument("--nodes", type=int, default=4, help="default: 4")
    size.add_argument("--gpus", type=int, default=8, help="GPUs per node, default: 8")
    start = commands.add_parser("up", parents=[where, size], help="start a cluster")
    start.set_defaults(do=up)
    try_it = commands.add_parser("shell", parents=[size], help="start a cluster, and end it with a shell on it")
    try_it.set_defaults(do=shell)
    inside = commands.add_parser("run", parents=[where], help="run a command on its log-in node")
    inside.add_argument("command", nargs="+", metavar="COMMAND", help="after `--`: sbatch, squeue ...")
    inside.set_defaults(do=run)
    end = commands.add_parser("down", parents=[where], help="end the cluster, remove its files")
    end.set_defaults(do=down)
    return top


def main() -> int:
    """Entry point."""
    args = parser().parse_args()
    try:
        code: int = args.do(args)
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
