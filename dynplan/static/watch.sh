# ---- in a task: is the worker ready, is it well? ----
event() { # NAME DETAIL: one line, short enough to be written at once
	local detail=${2//[[:cntrl:]]/ }
	printf 'dynplan|%s|%s|%s|%s|%s|%s\n' "$1" "$part" "${row[worker]}" "${row[rank]}" "$SLURMD_NODENAME" "${detail:0:2000}"
}
blame() { # CODE TEXT
	local detail="$who: $2; log $log"
	if [[ $critical == yes ]]; then event failed "$1 $detail"; else event excused "not critical: $detail"; fi
}
lives() { kill -0 -- "$1" 2>/dev/null; }
nap() { read -r -t "$1" -u "$naps" _; }

ask() { # PROBE: within 3 s, or 30 s where a model or a program answers
	local t limit=60 pid
	get_probe "$1"
	fill_all "${words[@]}"
	[[ ${words[3]} != log ]] || return
	[[ ${words[3]} != command && "${words[*]}" != *' post='* ]] || limit=600
	set -m # a group, to be killed as one
	"ask_${words[3]}" "${words[@]:4}" </dev/null &>/dev/null &
	pid=$!
	set +m
	for ((t = 0; t < limit; t++)); do
		lives "$pid" || break
		lives "$child" || break
		nap 0.05
	done
	kill -KILL -- "-$pid"
	wait "$pid"
} 2>/dev/null
watch() { # EVENT: a process beside the worker until it is ready, or healthy again, and on
	local i n=0 naps partial='' from=$SECONDS pauses=(0.05 0.1 0.2) code=71 open=()
	exec {naps}<> <(:)
	[[ $1 == ready ]] || log_in='' code=73
	for i in "${!probe_at[@]}"; do
		get_probe "$i"
		[[ ${words[0]} != ready || ($1 != ready && ${words[3]} == log) ]] ||
			[[ ${words[1]} == leader && ${row[rank]} != 0 ]] || open[i]=${words[2]}
	done
	while ((${#open[@]})); do
		[[ -z $log_in ]] || read_log
		lives "$child" || return
		for i in "${!open[@]}"; do
			if ask "$i"; then
				unset "open[i]"
			elif ((SECONDS - from >= open[i])); then
				blame "$code" "not $1 after ${open[i]} s: ${words[*]:3}"
				return
			fi
		done
		nap "${pauses[n++]-0.5}"
	done
	event "$1" ''
	[[ $1 != ready || -z $keep_watching ]] || watch_on
}
