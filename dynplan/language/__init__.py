"""The language: text in, a frozen `Job` out.

`parse` turns bytes into data, `resolve` merges all documents of a job into tables in which nothing is left to
inherit, `read` turns those into a `Job`. `plan_file` writes a plan as tables and reads it back. Templates and
expressions (`templates`, `placeholders`, `expressions`, `task_numbers`) are for the stages behind this one too.
"""

from dynplan.language.inheritance import engines, resolve
from dynplan.language.job import read
from dynplan.language.text import parse, parse_json

__all__ = ["engines", "parse", "parse_json", "read", "resolve"]
