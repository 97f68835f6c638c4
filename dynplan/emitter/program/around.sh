run_around() { # WORD...: a phase's setup before it, its after-command behind it
	local code text
	((${#setup[@]} == 0)) || run "${setup[@]}"
	[[ -z $stopping && $status == 0 ]] || return 0
	run "$@"
	((${#after_command[@]})) && [[ -z $stopping && (-n $go_on || $status == 0) ]] || return 0
	code=$status text=$how
	end_worker
	run "${after_command[@]}"
	((code == 0)) || status=$code how=$text
}
