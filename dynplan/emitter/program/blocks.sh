# ---- a block of ports that nobody has ----
# Two jobs on one node must not want the same ports. Those of the plan that are not fixed are in its block 0; in block
# K each is K times `port_step` higher. A job begins at the block that its id says: jobs that are queued one after
# another have different ones. It takes the first from there on that is free on all of its nodes.
known_events[taken]=yes
declare -A block_holders=()

# on_taken: notes what a node says is taken, the first port of each block
on_taken() {
	local word block port owner
	# Later, when a block is chosen, only a worker would say so.
	if [[ $event_part != :preflight || -n ${fact[offset]-} ]]; then
		return
	fi
	for word in $event_detail; do
		IFS='=' read -r block port owner <<<"$word"
		if is_number "$block" && [[ -z ${block_holders[$block]-} ]]; then
			block_holders[$block]="port $port (${owner#*/} of role ${owner%%/*}) on $event_node"
		fi
	done
}

# choose_block: sets the fact offset, how much higher the ports of this job are than in the plan
choose_block() {
	local run block index start skipped=''
	local -a blocks=()
	for run in "${port_blocks[@]}"; do
		for ((block = ${run%-*}; block <= ${run#*-}; block++)); do
			blocks+=("$block")
		done
	done
	start=$((SLURM_JOB_ID % ${#blocks[@]}))
	for ((index = 0; index < ${#blocks[@]}; index++)); do
		block=${blocks[(start + index) % ${#blocks[@]}]}
		if [[ -z ${block_holders[$block]-} ]]; then
			fact[offset]=$((block * port_step))
			tell_block "$block of ${#blocks[@]}, ${fact[offset]} above the plan's$skipped"
			return
		fi
		if [[ -z $skipped ]]; then
			skipped="; block $block is taken: ${block_holders[$block]}"
		fi
	done
	fail "65 preflight: each of the ${#blocks[@]} blocks of ports has one that is taken$skipped; nothing was started"
}

# tell_block TEXT: says, and notes in events.log, which block of ports this job has
tell_block() {
	say "ports: block $1"
	printf '%s\tports\t:preflight\t\t\t\tblock %s\n' "$stamp" "$1" >&"$event_log"
}
