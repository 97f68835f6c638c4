"""The emitter: a `Plan` in, the text of one self-contained sbatch script out, in two steps.

`lower` turns the plan into frozen records of everything the script says (`lowered`), `write` puts these into words
and computes nothing. Below the data stands the program, the files of `program/` as they are: `lower` says which of
them a plan needs, and whoever calls `write` brings their texts.
"""

from dynplan.emitter.lowering import lower
from dynplan.emitter.writing import write

__all__ = ["lower", "write"]
