"""The views: what people look at. They know no clock: the time of whoever looks is an argument.

Where everything stands (an `Outline`) comes in, and a picture goes out: `text.as_text` writes it for a terminal,
`svg.as_svg` draws it; `placement` is what both show. What a job has left comes in, and how far it has come goes out
(`progress`), which `status` writes, and `report` makes a page of.
"""
