# ---- the end ----
# finish: the trap of EXIT: says how the job ended, and stops everything in order
finish() {
	local status=$? IFS=$' \t\n' parts_at_once
	trap - EXIT
	if (($$ != BASHPID)); then
		# A child that a signal met.
		exit
	fi
	if [[ -z $closing && (-z $finished || $status != 0) ]]; then
		cause='the launcher itself stopped; see above'
		code=70
	fi
	closing=yes
	if [[ -n $cause ]]; then
		tell_cause
	fi
	for parts_at_once in "${phases[*]/#/phase:} :preflight ${image_parts-}" "${stop_order[@]}"; do
		stop "$parts_at_once"
	done
	end_records
	if [[ -n ${image_parts-} ]]; then
		remove_images
	fi
	kill -KILL "$ticker" 2>/dev/null
	if [[ -z $cause ]]; then
		if echo 'done' >"$dir/success-marker.txt"; then
			say "dynplan: done; results in $dir"
		else
			code=74
			cause="cannot write in $dir"
			tell_cause
		fi
	fi
	exit "$code"
}

# tell_cause: prints why the job failed, and writes it and the exit code to the output directory if that is there
tell_cause() {
	local marker=/dev/null
	if [[ -n $dir && -d $dir ]]; then
		marker=$dir/failure-marker.txt
		echo "$code" 2>/dev/null >"$dir/exit-code.txt" # on a full disk the marker says so
	fi
	print_cause | tee -- "$marker"
}

# print_cause: prints why the job failed, and the end of the log that tells more
print_cause() {
	say "dynplan: FAILED: $cause"
	if [[ -s $cause_log ]]; then
		echo "---- last lines of $cause_log"
		tail -n 20 -- "$cause_log"
	fi
}

# end_records: gives the records of a job that ends early 10 s to be complete
end_records() {
	local limit
	if [[ -z $records ]]; then
		return
	fi
	look_at_clock
	limit=$((now + 10))
	while ((now < limit)) && kill -0 "$records" 2>/dev/null; do
		next_event
	done
	if kill -KILL "$records" 2>/dev/null; then
		rm -rf -- "$dir/.records"
	fi
}
