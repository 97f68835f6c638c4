"""A throwaway Slurm of several nodes on one machine; docs/testbed.md tells about it."""

from tests.testbed.cluster import Cluster, Job, Process
from tests.testbed.config import Kind, slurm_version
from tests.testbed.life import TestbedError, eventually, obstacle

__all__ = ["Cluster", "Job", "Kind", "Process", "TestbedError", "eventually", "obstacle", "slurm_version"]
