"""Importers: job files of other launchers come in as bytes; the text of a job file and a report go out.

A file becomes a tree of values with their lines (`yaml_source`, `toml_source`). An importer walks it by its keys and
says of each what it did with it (`source`): `srt` for recipes of srt-slurm, `cloudai` for tests and scenarios of
CloudAI, `trtllm` for the file of a disaggregated TensorRT-LLM server. What it makes is a draft of a job (`draft`),
several for a file with variants, which `points` joins to one with a sweep, and `job_text` writes.
"""

from dynplan.importers.conversion import Imported, Source, imported
from dynplan.importers.kinds import Kind
from dynplan.importers.report import report_json, report_text
from dynplan.importers.source import Entry, Fate

__all__ = ["Entry", "Fate", "Imported", "Kind", "Source", "imported", "report_json", "report_text"]
