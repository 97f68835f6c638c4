# ---- in a task: the wrapper around a worker ----
enter() { # PART: take what srun brought, and leave none of it to the worker
	local name
	local -A fact=() row=()
	for name in "${!DYNPLAN_FACT_@}"; do
		fact["${!name%%=*}"]=${!name#*=}
		unset -v "$name"
	done
	while read -r _ _ name; do
		[[ $DYNPLAN_THEIRS == *" $name"$'\n'* ]] || export -nf "${name?}"
	done < <(declare -Fx)
	unset -v DYNPLAN_THEIRS
	part=$1
	if [[ $part == :* ]]; then preflight_main; else task_main; fi
}
# By parameters alone: no name of the user's meets one of ours.
become() { # COUNT NAME=VALUE|NAME... WORD...: set or unset so many, exec the words
	while (($1 > 0)); do
		unset -v "${2%%=*}"
		[[ $2 != *=* ]] || export "${2?}"
		set -- "$(($1 - 1))" "${@:3}"
	done
	shift
	exec -- "$@"
}
# The plan's GPU numbers are positions in the list that the step shows.
cut_gpus() { # -> visible
	local i wanted shown
	mapfile -d , -t wanted < <(printf '%s' "${row[gpus]}")
	mapfile -d , -t shown < <(printf '%s' "${CUDA_VISIBLE_DEVICES:-$all_gpus}")
	visible=''
	for i in "${wanted[@]}"; do visible+=,${shown[i]}; done
	visible=${visible#,}
}
set_environment() { # -> exports
	local name
	exports=("DYNPLAN_TASK=$mark" "CUDA_VISIBLE_DEVICES=$visible")
	[[ $part == phase:* ]] || exports+=("DYNPLAN_ROLE=$part")
	[[ $part != phase:* ]] || exports+=("DYNPLAN_PHASE=${part#*:}")
	for name in "${!row[@]}" "${!fact[@]}"; do
		case $name in expr.* | node.* | role.* | metrics-urls) continue ;; esac
		filled=DYNPLAN_${name//[.-]/_}
		exports+=("${filled^^}=${row[$name]-${fact[$name]}}")
	done
	fill_all "${env[@]}"
	exports+=("${words[@]}")
}

listen() { # SECONDS: so long, or until a command comes
	local said=''
	if read -r -t "$1" said; then
		said=$heard$said heard=''
		"hear_${said% *}" "${said#* }"
	elif (($? > 128)); then
		heard+=$said # its beginning
	else
		exec 0<> <(:) # the batch script is gone
		hear_stop
	fi
}
hear_stop() { stopping=${stopping:-yes} released=yes; }
hear_kill() { stopping=now; }
on_signal() { # scancel, or a lost node
	[[ -n $stopping ]] || event signal ''
	hear_stop
}

run_worker() { # WORD... -> status, how
	local watcher
	fill_all "$@"
	printf 'dynplan: %s, GPUs [%s]: %s\n' "${who#role }" "$visible" "${words[*]}" >>"$log"
	[[ -z $log_in ]] || while read -r -u "$log_in" _; do :; done # patterns are for what follows
	set -m
	(
		[[ -z $log_in ]] || exec {log_in}<&-
		fill "$workdir"
		cd -- "${filled:-.}" || exit 126
		become "${#exports[@]}" "${exports[@]}" "${words[@]}"
	) </dev/null >>"$log" 2>&1 &
	child=$!
	set +m
	event started "$child"
	watch ready &
	watcher=$!
	while [[ -z $stopping ]] && lives "$child"; do listen 0.2; done
	[[ -n $stopping ]] || listen 0.3 # a signal for both of us may have met the worker first
	[[ -z $stopping ]] || end_worker
	wait "$child" 2>/dev/null
	status=$?
	wait "$watcher" # a pattern in the last lines tells more than an exit status
	how="exit status $status"
	((status <= 128)) || how="killed by SIG$(kill -l "$status") (status $status)"
}
end_worker() { # the stop signal, the grace, KILL: to its group, then to what has left that
	local who limit=$((SECONDS + grace))
	for who in group strays; do
		"$who" "$stop_signal" || continue
		while ((SECONDS < limit)) && [[ $stopping != now ]] && "$who" 0; do listen 0.2; done
		"$who" KILL
	done
} 2>/dev/null
group() { kill -s "$1" -- "-$child"; }
strays() { # known by the environment that they inherited
	local path found=1
	for path in /proc/[0-9]*/environ; do
		mapfile -d '' -t words <"$path" || continue
		[[ " ${words[*]} " == *" DYNPLAN_TASK=$mark "* ]] || continue
		path=${path#/proc/} found=0
		kill -s "$1" "${path%/environ}"
	done
	return "$found"
}

task_main() {
	local repeating=yes mark visible who log log_in='' child='' status=0 how stopping='' released='' heard='' exports=()
	trap on_signal TERM INT HUP
	load "$part"
	find_task "$SLURM_PROCID"
	who="role $part worker ${row[worker]} rank ${row[rank]} on ${row[host]}"
	log=${fact[job.dir]}/logs/$part-${row[worker]}
	((row["num-tasks"] == 1)) || log+=.${row[rank]}
	[[ $part != phase:* ]] || who="phase ${part#*:} on ${row[host]}" log=${fact[phase.dir]}
	log+=.log mark=${fact[job.id]}/$part/${row[worker]}.${row[rank]}
	cut_gpus
	set_environment
	if ! : >>"$log"; then
		event failed "74 $who: cannot write $log (is it mounted in its container?)"
		exit 0
	fi 2>/dev/null
	[[ -z $reads_log ]] || exec {log_in}<"$log"
	((row["num-tasks"] == 1)) || add_rank_args
	[[ -z $stagger ]] || await_turn
	if [[ -n $stopping ]]; then
		:
	elif [[ $part == phase:* ]]; then
		run_phase_words
		event exit "$status $who: $how; log $log"
		released=yes
	else
		run_worker "${command[@]}"
		((restarts == 0)) || restart_worker
		if [[ -n $stopping ]]; then
			event stopped "$status"
		else
			if [[ $kind == task && $status == 0 ]]; then event ready ''; else blame 70 "$how"; fi
			event exit "$status"
		fi
	fi
	[[ -z $child ]] || end_worker
	until [[ -n $released ]]; do listen 1; done # srun breaks if it has words for a task that is gone
}
