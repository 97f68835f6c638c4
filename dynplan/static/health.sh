check_health() { # every role must be ready again
	for key in "${keys[@]}"; do
		role=${key%/*}
		[[ ${state[$key]} != ready ]] || state[$key]=asked left[$role]=$((left[$role] + 1))
	done
	for role in "${roles[@]}"; do tell "$role" check; done
	until all_ready; do next_event; done
}
