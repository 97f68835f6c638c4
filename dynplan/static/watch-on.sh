watch_on() { # beside a worker that is ready
	local i
	while lives "$child"; do
		[[ -z $log_in ]] || read_log
		for i in "${!probe_at[@]}"; do
			[[ ${probe_words[probe_at[i]]} != alive ]] || check_alive "$i"
		done
		nap 1
	done
	[[ -z $log_in ]] || read_log
}
