# ---- steps of MPI worlds ----
# The tasks of a step are one MPI world, so every worker is a step of its own: ROLE/WORKER.
# only_worker WORKER: makes the part that is loaded one worker of it; tasks find their rows by it too
only_worker() {
	workers=${workers:-$tasks}
	tasks=$((tasks / workers))
	first=$(($1 * tasks))
}

# start_worlds ROLE: starts them, in place of `start_step`
start_worlds() {
	local worker count=${workers:-$tasks}
	for ((worker = 0; worker < count; worker++)); do
		start_step "$1/$worker"
	done
}

# blame_world PART TEXT: names the log of the rank that aborted the world. Slurm then kills all of it at
# once, before any task can tell
blame_world() {
	local aborted=''
	read -r aborted < <(grep -lis mpi_abort -- "$dir/logs/${1/\//-}"[-.]*)
	fail "70 $2: a rank has aborted its MPI world, or Slurm the step${aborted:+; log $aborted}"
}
