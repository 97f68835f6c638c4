no_word() {
	local said='' what="role $role: srun ended with status $detail${hint-} and no word from $listed"
	load "$role"
	[[ -n $world ]] || fail_outside "$what"
	# Slurm kills all of an MPI world at once when a rank aborts it; MPI told that rank's log.
	read -r said < <(grep -lis mpi_abort -- "$dir/logs/${role/\//-}"[-.]*)
	fail "70 $what: a rank has aborted its MPI world, or Slurm the step${said:+; log $said}"
}
