# ==== dynplan's program: what this plan needs of it ====
# A role is one srun step. In each of its tasks a wrapper runs a worker as its child, and tells
# this script what happens by srun's stdout, a line per event; commands come by srun's stdin.
#
# Exit codes: 0 all done, or the failed phase's own (124: it took too long); 64 the allocation
# does not fit the plan; 65 preflight; 70 a critical process ended; 71 not ready in time;
# 72 fail-on-log; 73 not alive; 74 output directory; 75 time limit near; 76 node or step lost;
# 130 INT; 143 TERM (scancel).
