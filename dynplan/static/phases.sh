# ---- 5. phases ----
for name in "${phases[@]}"; do
	began=$SECONDS phase_result='' fact[phase.name]=$name fact[phase.dir]=$dir/phases/$name
	mkdir -p -- "${fact[phase.dir]}" || fail "74 cannot make ${fact[phase.dir]}"
	load "phase:$name"
	find_task 0
	who="phase $name on ${row[host]}"
	say "$who: begins"
	limit=$((timeout ? SECONDS + timeout : 1 << 40))
	start_step "phase:$name" "${row[host]}"
	while runs 0 && ((SECONDS < limit)); do next_event; done
	((SECONDS < limit)) || phase_result="124 $who: took too long; log ${fact[phase.dir]}.log"
	stop_stage 0
	phase_result=${phase_result:-76 $who: srun ended with status $step_status}
	say "$who: ended with status ${phase_result%% *} after $((SECONDS - began)) s"
	load "phase:$name"
	if [[ $phase_result != 0* ]]; then
		bad_phase=${bad_phase:-$phase_result}
		[[ -n $go_on ]] || fail "$bad_phase"
	fi
	[[ -z $health_check ]] || check_health
done
[[ -z $bad_phase ]] || fail "$bad_phase"
