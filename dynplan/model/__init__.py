"""The records: what a job asks for and what a cluster has come in, and the plan that answers goes out.

Everything is frozen. A `Job` and a `Cluster` come from `dynplan.language`, a `Plan` from
`dynplan.planner`; the emitter and the views take a `Plan` and nothing else. Texts called
*template* may hold placeholders (`dynplan.language.templates`).
"""

from dynplan.model.cluster import (
    AUTO_PORT,
    DEFAULT_LIMITS,
    GPU_VARIABLES,
    HIGHEST_PORT,
    Affinity,
    Cluster,
    NodeGroup,
    PortRange,
)
from dynplan.model.job import EachText, GroupNodes, Job, Phase, TextFile
from dynplan.model.plan import (
    Block,
    Node,
    Outline,
    Placement,
    Plan,
    PortBlocks,
    Ports,
    Segments,
    Task,
    Worker,
    outline_of,
)
from dynplan.model.role import Container, Launch, Port, Probe, Role, Size, Stop
from dynplan.model.values import Each, Pairs, Pins, Record, Tables, Texts, When, Words, texts_of

__all__ = [
    "AUTO_PORT",
    "Affinity",
    "Block",
    "Cluster",
    "Container",
    "DEFAULT_LIMITS",
    "Each",
    "EachText",
    "GPU_VARIABLES",
    "GroupNodes",
    "HIGHEST_PORT",
    "Job",
    "Launch",
    "Node",
    "NodeGroup",
    "Outline",
    "Pairs",
    "Phase",
    "Pins",
    "Placement",
    "Plan",
    "Port",
    "PortBlocks",
    "PortRange",
    "Ports",
    "Probe",
    "Record",
    "Role",
    "Segments",
    "Size",
    "Stop",
    "Tables",
    "Task",
    "TextFile",
    "Texts",
    "When",
    "Words",
    "Worker",
    "outline_of",
    "texts_of",
]
