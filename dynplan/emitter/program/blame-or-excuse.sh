blame() { # CODE TEXT
	if [[ $critical != no ]]; then
		event failed "$1 $who: $2; log $log"
	else
		event excused "not critical: $who: $2; log $log"
	fi
}
