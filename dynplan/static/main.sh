exec {events}<> <(:)
trap finish EXIT
trap 'fail "143 TERM: cancelled, or the time limit"' TERM
trap 'fail "130 INT"' INT
trap 'fail "75 the time limit is near"' USR1
trap '' PIPE

# ---- 1. allocation and output directory ----
# What srun would take from the job's environment; its effect differs by version.
unset SLURM_{NTASKS,NPROCS,NTASKS_PER_NODE,CPUS_PER_TASK,TRES_PER_TASK,DISTRIBUTION,HOSTFILE,CPU_BIND,GPU_BIND} \
	SLURM_{GPUS_PER_TASK,HINT,LABELIO,STDINMODE,STDOUTMODE,UNBUFFEREDIO}
export SLURM_EXPORT_ENV=ALL
job
[[ -n $SLURM_JOB_ID ]] || fail '64 not inside a Slurm job: submit with sbatch, or run under salloc'
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
((${#hosts[@]} == nodes)) || fail "64 the plan needs $nodes nodes, the job has ${#hosts[@]}: ${hosts[*]}"
[[ -z $has_hosts ]] || map_hosts
fact=([job.id]=$SLURM_JOB_ID [job.name]=$job_name)
for n in "${!hosts[@]}"; do fact[host.$n]=${hosts[n]}; done
fill "$output_dir"
[[ $filled == /* ]] || filled=$PWD/$filled
dir=$filled n=0
while [[ -e $dir/events.log ]]; do dir=$filled.$((++n)); done # of an earlier run
{ mkdir -p -- "$dir/logs" "$dir/phases" && : >"$dir/events.log"; } || fail "74 cannot write in $dir"
exec {event_log}>>"$dir/events.log"
fact[job.dir]=$dir
say "results in $dir"

# ---- 2. preflight ----
printf -v line ',%s' "${hosts[@]}"
start_step :preflight "${line#,}"
while runs :preflight && ((SECONDS < 120)); do next_event; done
set -- "${problems[@]}"
(($# == 0)) || fail "65 $1; nothing was started"
[[ $step_status == 0 ]] || fail_outside "preflight: srun's status is '$step_status'"

# ---- 3. files and facts ----
exec 3>"$dir/plan.toml" 4>"$dir/endpoints.json"
printf 'schema = 1\njob = { name = %s, id = "%s" }\nnodes = [\n' "$quoted_name" "$SLURM_JOB_ID" >&3
printf '{"job": {"name": %s, "id": "%s"}, "roles": {\n' "$quoted_name" "$SLURM_JOB_ID" >&4
for n in "${!hosts[@]}"; do
	echo "  { node = $n, host = \"${hosts[n]}\", ip = \"${fact[ip.$n]}\", gpus = $gpus }," >&3
done
for role in "${roles[@]}"; do
	load "$role"
	echo "${comma:+], }\"$role\": [" >&4
	left[$role]=$tasks comma=''
	for ((n = 0; n < tasks; n++)); do
		find_task "$n"
		key=$role/${row[worker]}.${row[rank]} ports='' counts='' url=''
		keys+=("$key") state[$key]=expected node_of[$key]=${row[host]} hosts_of[$role]+=,${row[host]}
		[[ -z $stagger ]] || queue_task
		if ((row[rank] == 0)); then
			[[ -z $metrics ]] || add_metrics
			((${#lists[@]} == 0)) || add_lists
			printf ']\n\n[[workers]]\nrole = "%s"\nworker = %s\ntasks = [\n' "$role" "${row[worker]}" >&3
		fi
		for name in "${!row[@]}"; do
			[[ $name == port.!(*.last) ]] || continue
			ports+=", \"${name#*.}\": ${row[$name]}"
			counts+=", ${name#*.} = { port = ${row[$name]}, count = $((row[$name.last] - row[$name] + 1)) }"
		done
		line="\"rank\": ${row[rank]}, \"node\": ${row[node]}, \"gpus\": [${row[gpus]}]"
		echo "  { ${line//\":/\" =}, ports = {${counts#,} } }," >&3
		echo "  $comma{\"worker\": ${row[worker]}, $line, \"host\": \"${row[host]}\", \"ip\": \"${row[ip]}\"," \
			"\"ports\": {${ports#, }}, \"metrics\": \"$url\"}" >&4
		comma=,
	done
done
{ echo ']' >&3 && echo ']}}' >&4 && echo "[$scrape]" >"$dir/prometheus.json"; } || fail "74 cannot write in $dir"
exec 3>&- 4>&-
fact["metrics-urls"]=${urls#,}
[[ -z $has_files ]] || files

# ---- 4. roles ----
start_roles
until all_ready; do next_event; done
