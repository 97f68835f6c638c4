"""The emitter: a `Plan` in, the text of one self-contained sbatch script out, in two steps.

`lower` turns the plan into frozen records of everything the script says (`lowered`), `write` puts these into words
and computes nothing; by its `plan_digest` a script is known again. Below the data stands the program, the files of
`program/` as they are: `lower` says which of them a plan needs, and whoever calls `write` brings their texts.
"""

from dynplan.emitter.lowering import lower
from dynplan.emitter.writing import plan_digest, write

__all__ = ["lower", "plan_digest", "write"]
