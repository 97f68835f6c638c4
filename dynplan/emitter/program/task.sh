# ---- in a task: the wrapper ----
enter() { # PART
	unset -v "${!DYNPLAN_PART@}"
	part=$1
	if [[ $1 == :* ]]; then preflight; else wrap; fi
}
# By parameters alone: no name of the user's meets one of ours.
hide() { # lower-case names -> own
	while read -r; do
		set -- "$@" "$REPLY=${!REPLY}"
		unset -v "$REPLY"
	done < <(compgen -e -X '![[:lower:]]*')
	own=("$@")
}
become() { # COUNT NAME=VALUE|NAME... WORD...
	while (($1 > 0)); do
		unset -v "${2%%=*}"
		[[ $2 != *=* ]] || export "${2?}"
		set -- "$(($1 - 1))" "${@:3}"
	done
	shift
	exec -- "$@"
}
set_environment() { # -> visible, exports
	n=0 shown=${CUDA_VISIBLE_DEVICES:-$all_gpus},
	while [[ -n $shown ]]; do # by position in the step's list
		[[ ",${row[gpus]}," != *",$((n++)),"* ]] || visible+=${visible:+,}${shown%%,*}
		shown=${shown#*,}
	done
	exports=("${own[@]}" "CUDA_VISIBLE_DEVICES=$visible")
	for name in "${!row[@]}" "${!fact[@]}"; do
		case $name in brace | expr.* | host.* | ip.* | role.* | metrics-urls) continue ;; esac
		filled=DYNPLAN_${name//[.-]/_}
		exports+=("${filled^^}=${row[$name]-${fact[$name]}}")
	done
	fill_all "${env[@]}"
	exports+=("${words[@]}")
}

listen() { # SECONDS, or until a command comes
	said=''
	if read -r -t "$1" said; then
		said=$heard$said heard=''
		"hear_${said% *}"
	elif (($? > 128)); then
		heard+=$said
	else
		[[ -c /dev/stdin ]] || stopping=yes # nobody is there
		released=yes
		exec 0<> <(:)
	fi
}
hear_stop() { stopping=yes released=yes; }
on_signal() { # Slurm's
	[[ -n $stopping ]] || event signal ''
	hear_stop
}

run() { # WORD... -> status, how
	fill_all "$@"
	echo "dynplan: ${who#role }, GPUs [$visible]: ${words[*]}" >>"$log"
	[[ -z $log_in ]] || while read -r -u "$log_in" _; do :; done
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
	while [[ -z $stopping ]] && lives "$child"; do listen 0.2; done
	[[ -z $stopping ]] || end_worker
	wait "$child" 2>/dev/null
	status=$?
	# A signal for both may have met it first; `watch` may know more.
	[[ -n $stopping ]] || listen "$((status == 143 ? 2 : 0)).3"
	wait
	how="exit status $status"
	((status <= 128)) || how="killed by SIG$(kill -l "$status") (status $status)"
}
end_worker() { # its group, then what has left that
	limit=$((SECONDS + grace))
	for set in group strays; do
		"$set" "$stop_signal" || continue
		while ((SECONDS < limit)) && "$set" 0; do listen 0.2; done
		"$set" KILL
	done
} 2>/dev/null
group() { kill -s "$1" -- "-$child"; }
strays() { # known by the environment
	found=1
	for path in /proc/[0-9]*/environ; do
		text=''
		read -r -N 9999999 text <"$path"
		[[ $text == *"DYNPLAN_TASK=${row[task]}"* ]] || continue
		path=${path#/proc/} found=0
		kill -s "$1" "${path%/environ}"
	done
	return "$found"
}

wrap() {
	status=0
	trap on_signal TERM INT HUP
	load "$part"
	find_task "$((first + SLURM_PROCID))"
	if [[ $kind == phase ]]; then
		who="phase ${part#*:} on ${row[host]}" log=${fact[phase.dir]}.log
	else
		who="role $part worker ${row[worker]} rank ${row[rank]} on ${row[host]}" row[role]=$part
		log=${fact[job.dir]}/logs/$part-${row[worker]}
		((row["num-tasks"] == 1)) || add_rank
		log+=.log
	fi
	row[task]=${fact[job.id]}/$part/${row[worker]}.${row[rank]}/$$/
	set_environment
	if ! : >>"$log"; then
		event failed "74 $who: cannot write $log (is it mounted in its container?)"
		return
	fi 2>/dev/null
	[[ -z $has_log ]] || exec {log_in}<"$log"
	[[ -z $stagger ]] || await_turn
	[[ -n $stopping ]] || "$runner" "${command[@]}"
	if [[ -n $stopping ]]; then
		event stopped "$status"
	elif [[ $kind == phase ]]; then
		event exit "$status $who: $how; log $log"
	else
		if [[ $kind == task && $status == 0 ]]; then event ready ''; else blame 70 "$how"; fi
		event exit "$status"
	fi
	end_worker
	# srun breaks off if told to tell a task that is gone.
	[[ $kind == phase ]] || until [[ -n $released ]]; do listen 1; done
}
