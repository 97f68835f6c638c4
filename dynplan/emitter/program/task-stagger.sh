await_turn() { # the next worker on a node starts when the one before it is ready
	local turn=$SLURM_LOCALID
	((turn == 0)) || event queued ''
	while ((turn)) && [[ -z $stopping ]]; do listen 1; done
}
hear_go() { ((SLURM_PROCID != ${said#* })) || turn=0; }
