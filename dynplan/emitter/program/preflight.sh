# ---- in the preflight, on every node ----
preflight() {
	row=([rank]=$SLURM_PROCID) taken=' ' file=${fact[job.dir]}/logs/.$SLURM_PROCID
	job
	find_address
	mapfile -d , -t shown < <(printf %s "${CUDA_VISIBLE_DEVICES:-$all_gpus}")
	((${#shown[@]} >= gpus)) || problem "the plan needs $gpus GPUs, the step shows '$CUDA_VISIBLE_DEVICES'"
	{ echo >"$file" && rm -- "$file"; } || problem "cannot write in ${file%/*}"
	[[ -z $has_paths ]] || check_paths
	for name in tcp tcp6; do # who listens
		while read -r _ port _ state _; do
			[[ $state != 0A ]] || taken+="$((16#${port##*:})) "
		done <"/proc/net/$name"
	done
	for part in "${roles[@]}"; do
		load "$part"
		for ((n = 0; n < tasks; n++)); do
			find_task "$n" "$SLURM_PROCID" || continue
			for name in "${!row[@]}"; do
				[[ $name == port.!(*.last) && " ${unprobed[*]} " != *" ${name#*.} "* ]] || continue
				for ((port = row[$name]; port <= row[$name.last]; port++)); do
					[[ $taken != *" $port "* ]] || problem "port $port (${name#*.} of role $part) is taken"
				done
			done
		done
	done
} 2>/dev/null
problem() { # TEXT
	row[rank]=$SLURM_PROCID
	event problem "preflight: $SLURMD_NODENAME: $1"
}
