# ==== dynplan's program ====
# Each role is one srun step. Its tasks run the workers and tell this script what happens, a
# line per event, by srun's stdout; commands come by srun's stdin.
#
# Exit codes: 0 all done, else the failed phase's (124: it took too long); 64 the allocation is
# not the plan's; 65 preflight; 70 a critical process ended; 71 not ready in time; 72 fail-on-log;
# 73 not alive; 74 output directory; 75 time limit near; 76 node or step lost; 130 INT; 143 TERM.
