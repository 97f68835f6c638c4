stop_leaders() { # STAGE: rank 0 of its workers first, and wait until they have ended
	local key part limit=0 waits=yes
	for part in "${!step_pid[@]}"; do
		load "$part"
		((stage == $1)) || continue
		tell "$part" stop_leader
		((limit > grace + 3)) || limit=$((grace + 3))
	done
	limit=$((SECONDS + limit))
	while [[ -n $waits && -z $hurry ]] && ((SECONDS < limit)); do
		waits=''
		for key in "${keys[@]}"; do
			[[ $key != *.0 || ${state[$key]} == ended || -z ${step_pid[${key%/*}]-} ]] && continue
			load "${key%/*}"
			((stage != $1)) || waits=yes
		done
		[[ -z $waits ]] || next_event
	done
}
