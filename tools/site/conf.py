"""How Sphinx builds the site; see tools/site/__main__.py."""

from pathlib import Path

from dynplan import __version__

project = "dynplan"
release = version = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4  # those that GitHub gives, by which the pages link to one another
smartquotes = False  # `--` is an option here
nitpicky = True

html_theme = "furo"
html_title = "dynplan"
html_static_path = [str(Path(__file__).with_name("static"))]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
