run_phase_words() { # setup, the command, what comes after it
	local code how_it_was
	((${#setup[@]} == 0)) || run_worker "${setup[@]}"
	((status == 0)) && [[ -z $stopping ]] || return 0
	run_worker "${command[@]}"
	((${#after_command[@]})) && [[ -z $stopping && (-n $go_on || $status == 0) ]] || return 0
	code=$status how_it_was=$how
	end_worker
	run_worker "${after_command[@]}"
	((code == 0)) || status=$code how=$how_it_was
}
