# The processes of a step are one MPI world, so every worker is a step of its own: ROLE/WORKER.
only_worker() { # PART: of its role's tasks
	part=${1%/*}
	tasks=$((tasks / ${workers:-$tasks}))
	first=$((${1#*/} * tasks))
}
