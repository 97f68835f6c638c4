"""The views: where everything stands (an `Outline`) in, a picture for people out.

`text.as_text` writes it for a terminal, `svg.as_svg` draws it; `placement` is what both show.
"""
