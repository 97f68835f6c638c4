# ---- in a task: is the worker ready? ----
event() { # NAME DETAIL: a line that is written at once
	text=${2//[[:cntrl:]]/ }
	echo "dynplan|$1|$part|${row[worker]}|${row[rank]}|$SLURMD_NODENAME|${text:0:2000}"
}
lives() { kill -0 "$1" 2>/dev/null; }
nap() { read -r -t "$1" -u "$naps" _; }
ask() { # PROBE: 3 s, or 30 s where a model or a program answers
	local pid n=0 limit=60
	get_probe "$1"
	[[ ${words[2]} != log ]] || return
	[[ ${words[2]} != command && "${words[*]}" != *' post='* ]] || limit=600
	set -m
	"ask_${words[2]}" "${words[@]:3}" </dev/null &>/dev/null &
	pid=$!
	set +m
	while lives "$pid" && lives "$child" && ((n++ < limit)); do nap 0.05; done
	kill -KILL -- "-$pid"
	wait "$pid"
} 2>/dev/null
watch() { # EVENT: until the worker is ready, or healthy again, and on
	from=$SECONDS code=71
	exec {naps}<> <(:)
	[[ $1 == ready ]] || log_in='' code=73
	for i in "${!probe_at[@]}"; do
		get_probe "$i"
		[[ ${words[0]} != ready || ($1 != ready && ${words[2]} == log) ]] || open[i]=${words[1]}
	done
	while lives "$child"; do
		[[ -z $log_in ]] || read_log
		for i in "${!open[@]}"; do
			if ask "$i"; then
				unset "open[i]"
			elif ((SECONDS - from >= open[i])); then
				blame "$code" "not $1 after ${open[i]} s: ${words[*]:2}"
				return
			fi
		done
		if ((${#open[@]} == 0)); then
			[[ -n $announced || $kind != service ]] || event "$1" ''
			[[ -n $announced || -z $stagger ]] || event turn ''
			announced=yes
			[[ $1 == ready && -n $fail_on_log$alive ]] || return
			[[ -z $alive ]] || check_alive
		fi
		nap 0.4
	done
	[[ -z $log_in ]] || read_log
}
