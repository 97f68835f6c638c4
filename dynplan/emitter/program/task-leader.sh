add_rank() { # in a worker of several tasks
	row[leader.host]=${fact[host.${row[leader]}]} row[leader.ip]=${fact[ip.${row[leader]}]}
	log+=.${row[rank]}
	# What only the leader is asked.
	((row[rank])) || for at in "${probe_at[@]}"; do probe_words[at]=${probe_words[at]#leader-}; done
	if ((row[rank])); then command+=("${follower_args[@]}"); else command+=("${leader_args[@]}"); fi
}
hear_stop_leader() { ((row[rank])) || stopping=yes; }
