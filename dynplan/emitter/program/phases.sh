# ---- 5. phases ----
for name in "${phases[@]}"; do
	from=$SECONDS timeout=0 go_on='' health_check='' fact[phase.name]=$name fact[phase.dir]=$dir/phases/$name
	mkdir -p -- "${fact[phase.dir]}" || fail "74 cannot make ${fact[phase.dir]}"
	load "phase:$name"
	find_task 0
	who="phase $name on ${row[host]}" limit=$((timeout ? SECONDS + timeout : 1 << 40))
	say "$who: begins"
	start_step "phase:$name" "${row[host]}"
	while runs "phase:$name" && ((SECONDS < limit)); do next_event; done
	result=${state["phase:$name/0.0"]#ended:}
	((SECONDS < limit)) || result="124 $who: took too long; log ${fact[phase.dir]}.log"
	[[ $result == *\ * ]] || fail_outside "$who: srun ended with status $step_status${hint-}"
	stop "phase:$name"
	say "$who: ended with status ${result%% *} after $((SECONDS - from)) s"
	load "phase:$name"
	if [[ $result != 0\ * ]]; then
		bad_phase=${bad_phase:-$result}
		[[ -n $go_on ]] || fail "$bad_phase"
	fi
	[[ -z $health_check ]] || check_health
done
[[ -z $bad_phase ]] || fail "$bad_phase"
