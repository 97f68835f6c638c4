"""What is wrong with the input, and where.

Findings of any stage come in, each at a key path of the merged data; text for people goes out, with file, line and
column (`rendering.render`, which `places` tells where keys stand). Everything else of dynplan may know this package.
"""

from dynplan.diagnostics.findings import (
    CODES,
    NOWHERE,
    Document,
    Finding,
    Findings,
    InputError,
    Path,
    Span,
    counted,
    nearest,
)

__all__ = ["CODES", "NOWHERE", "Document", "Finding", "Findings", "InputError", "Path", "Span", "counted", "nearest"]
