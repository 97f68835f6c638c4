"""Detection: what Slurm's commands have printed comes in as text; the text of a cluster file goes out.

`Said` holds the texts. `site_of` reads them: `scontrol` gives records of words, `gres` knows what GPUs are called,
`nodes` puts nodes that are alike together, `partitions`, `topology`, `gres_conf` and `surroundings` read the rest.
`cluster_text` decides what a cluster file says of it (`choices`) and writes that, each line with its source
(`entries`: those of nodes, `node_entries`, and of what is around them, `surround_entries`).
"""

from dynplan.detection.scontrol import settings
from dynplan.detection.site import Said, Site, site_of
from dynplan.detection.surroundings import RUNTIMES
from dynplan.detection.writing import cluster_text

__all__ = ["RUNTIMES", "Said", "Site", "cluster_text", "settings", "site_of"]
