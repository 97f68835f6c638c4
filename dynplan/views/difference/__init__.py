"""What differs between two plans: two `Plan`s in, a `Difference` out, and from it text for people and programs.

`difference` compares; `text.as_text` is for a terminal, `markdown.as_markdown` for a pull request, `data.as_data` for
programs.
"""

from dynplan.views.difference.comparing import difference
from dynplan.views.difference.records import Difference

__all__ = ["Difference", "difference"]
