exec {events}<> <(:) {quiet}<> <(:)
trap finish EXIT
trap 'check_nodes && fail "143 TERM: cancelled, or the time limit"' TERM
trap 'fail "130 INT"' INT
trap 'fail "75 the time limit is near"' USR1
trap '' PIPE

# ---- 1. allocation and output directory ----
# What srun would read; versions differ.
unset SLURM_{NTASKS{,_PER_NODE},NPROCS,{CPUS,GPUS,TRES}_PER_TASK,DISTRIBUTION,HOSTFILE,HINT} \
	SLURM_{{CPU,GPU}_BIND,LABELIO,STD{IN,OUT}MODE,UNBUFFEREDIO}
export SLURM_EXPORT_ENV=ALL
job
[[ -n $SLURM_JOB_ID ]] || fail '64 no Slurm job: submit with sbatch, or run under salloc'
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
((${#hosts[@]} == nodes)) || fail "64 the plan needs $nodes nodes, the job has ${#hosts[@]}: ${hosts[*]}"
