"""Add up the ranks of all processes that torchrun started: `all_reduce.py FOLDER`; each writes `RANK.json` there."""

import json
import os
import sys
from pathlib import Path

import torch  # type: ignore[import-not-found,unused-ignore]  # it stands in an environment of its own
import torch.distributed as dist  # type: ignore[import-not-found,unused-ignore]  # as above

dist.init_process_group("gloo")
total = torch.tensor([dist.get_rank() + 1])
dist.all_reduce(total)
said = {"total": int(total.item()), "of": dist.get_world_size(), "host": os.uname().nodename}
folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
(folder / f"{dist.get_rank()}.json").write_text(json.dumps(said) + "\n")
dist.destroy_process_group()
