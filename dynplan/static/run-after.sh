run_after() { # a phase's command for after it
	local code=$status text=$how
	[[ -z $stopping && (-n $go_on || $status == 0) ]] || return 0
	end_worker
	run "${after_command[@]}"
	((code == 0)) || status=$code how=$text
}
