"""The language: text in, a frozen `Job` out.

`parse` turns bytes into data, `resolve` merges all documents of a job into tables in which nothing is left to
inherit, `read` turns those into a `Job`. Both take the `Findings` of the stages before, so that a job is told all
that is wrong with it at once; what is legal and surely not meant stays there as warnings. `plan_file` writes a
plan as tables and reads it back. Templates and expressions (`templates`, `placeholders`, `expressions`,
`task_numbers`) are for the stages behind this one too.
"""

from dynplan.language.inheritance import engines, merged_data, resolve
from dynplan.language.job import read
from dynplan.language.text import parse, parse_json

__all__ = ["engines", "merged_data", "parse", "parse_json", "read", "resolve"]
