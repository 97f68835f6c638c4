"""The documentation as a site: `make docs` makes build/site of docs/, the examples, and what the code says of itself.

The pages in docs/ are written for a reader on GitHub and are taken as they are; only links that lead out of docs/
lead to pages of the site instead. Pages made from the code are made anew each time and stand nowhere else.
"""
