add_rank_args() { # in a worker of several tasks
	if ((row[rank])); then command+=("${follower_args[@]}"); else command+=("${leader_args[@]}"); fi
}
hear_stop_leader() { ((row[rank])) || stopping=${stopping:-yes}; }
