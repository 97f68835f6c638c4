watch_on() { # beside a worker that is ready
	while lives "$child"; do
		[[ -z $log_in ]] || read_log
		[[ -z $alive ]] || check_alive
		nap 1
	done
	[[ -z $log_in ]] || read_log
}
