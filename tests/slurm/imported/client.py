"""Stands in for every client of an imported job: asks the server that its command line names, and ends.

That is a word or an option that is a URL, or the options `--host` and `--port`.
"""

import re
import sys
import urllib.request

line = " ".join(sys.argv[1:])
url = re.search(r"http://[\w.:-]+", line)
host, port = re.search(r"--host[ =](\S+)", line), re.search(r"--port[ =](\S+)", line)
if url:
    place = url[0]
elif host and port:
    place = f"http://{host[1]}:{port[1]}"
else:
    sys.exit(f"no server in: {line}")
with urllib.request.urlopen(f"{place}/v1/models", timeout=30) as response:  # noqa: S310 - the job names it
    print(place, response.status)
