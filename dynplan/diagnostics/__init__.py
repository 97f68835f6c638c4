"""What is wrong with the input, and where.

Findings of any stage in, each at a key path of the merged data; text for people out, with file, line and
column (`rendering.render`, which `places` tells where keys stand). Everything below knows this package and
nothing else of dynplan.
"""

from dynplan.diagnostics.findings import NOWHERE, Document, Finding, Findings, InputError, Path, Span, nearest

__all__ = ["NOWHERE", "Document", "Finding", "Findings", "InputError", "Path", "Span", "nearest"]
