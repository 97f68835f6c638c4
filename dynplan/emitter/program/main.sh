fact=([job.id]=$SLURM_JOB_ID [job.name]=$job_name [brace]='{')
for n in "${!hosts[@]}"; do fact[host.$n]=${hosts[n]}; done
fill "$output_dir"
[[ $filled == /* ]] || filled=$PWD/$filled
dir=$filled n=0
while [[ -e $dir/events.log ]]; do dir=$filled.$((++n)); done # of an earlier run
{ mkdir -p -- "$dir/logs" "$dir/phases" && exec {event_log}>"$dir/events.log"; } || fail "74 cannot write in $dir"
fact[job.dir]=$dir
say "results in $dir"

# ---- 2. preflight ----
printf -v all_hosts ',%s' "${hosts[@]}"
start_step :preflight "${all_hosts#,}"
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
		((row["local-rank"])) && continue
		for name in "${!row[@]}"; do
			[[ $name == port.!(*.last) ]] || continue
			ports+=", \"${name#*.}\": ${row[$name]}"
			counts+=", ${name#*.} = { port = ${row[$name]}, count = $((row[$name.last] - row[$name] + 1)) }"
		done
		line="\"rank\": ${row["node-rank"]-${row[rank]}}, \"node\": ${row[node]}, \"gpus\": [${row[gpus]}]"
		echo "  { ${line//\":/\" =}, ports = {${counts#,} } }," >&3
		echo "  $comma{\"worker\": ${row[worker]}, $line, \"host\": \"${row[host]}\", \"ip\": \"${row[ip]}\"," \
			"\"ports\": {${ports#, }}, \"metrics\": \"$url\"}" >&4
		comma=,
	done
done
{ echo ']' >&3 && echo ']}}' >&4 && echo "[${scrape-}]" >"$dir/prometheus.json"; } || fail "74 cannot write in $dir"
fact["metrics-urls"]=${urls#,}
