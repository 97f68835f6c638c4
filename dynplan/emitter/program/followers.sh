stop_leaders() { # PARTS: rank 0 of their workers first, and wait until they have ended
	limit=$((SECONDS + longest_grace + 5)) waits=yes
	tell "$1" stop_leader
	while [[ -n $waits ]] && ((SECONDS < limit)); do
		waits=''
		for key in "${keys[@]}"; do
			[[ $key != *.0 || ${state[$key]} == ended* || " $1 " != *" ${key%/*} "* ]] || waits=yes
		done
		[[ -z $waits ]] || next_event
	done
}
