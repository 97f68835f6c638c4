"""A stub of `trtllm-llmapi-launch`: rank 0 of an MPI world runs the server, the others wait for its end.

The MPI is real. Host and GPUs of every rank are written to `worlds/ROLE-WORKER.json` of the job's directory.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from mpi4py import MPI  # type: ignore[import-not-found,unused-ignore]  # Debian's Python has it

world = MPI.COMM_WORLD
ranks = world.gather((os.uname().nodename, os.environ["CUDA_VISIBLE_DEVICES"]), root=0)
if world.rank == 0:
    target = Path(
        os.environ["DYNPLAN_JOB_DIR"], "worlds", f"{os.environ['DYNPLAN_ROLE']}-{os.environ['DYNPLAN_WORKER']}.json"
    )
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"ranks": ranks, "command": sys.argv[1:]}) + "\n")
    subprocess.run(sys.argv[1:], check=False)
over = world.Ibarrier()
while not over.Test():  # waiting inside MPI would keep a core busy
    time.sleep(0.2)
