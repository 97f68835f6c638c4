check_health() {
	for key in "${keys[@]}"; do
		role=${key%/*}
		[[ ${state[$key]} != ready ]] || state[$key]=asked left[$role]=$((left[$role] + 1))
	done
	for role in "${!to_step[@]}"; do echo check >&"${to_step[$role]}"; done
	until all_ready; do next_event; done
}
