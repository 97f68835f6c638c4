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
