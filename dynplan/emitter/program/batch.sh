# ---- the batch script ----
hide
program=$(declare -f)$'\nhide\n'
declare -A fact row state node_of hosts_of left begun to_step
code=0 report_at=5 field='([^|]*)\|' urls=''

say() { printf '[%(%H:%M:%S)T] %s\n' -1 "$*"; }
fail() { # CODE TEXT[; log FILE]: the first cause counts
	[[ -z $closing ]] || return 0
	closing=yes code=${1%% *} cause=${1#* } cause_log=${1##*; log }
	exit
}
fail_outside() { # TEXT: our own TERM may be on its way
	[[ -n $closing ]] || read -r -t 2 -u "$quiet" _
	fail "76 $1"
}
list_tasks() { # ROLE STATE|STATE... -> listed
	n=0 listed=''
	for key in "${keys[@]}"; do
		[[ $key != "$1"[/.]* || ${state[$key]} != @($2) ]] || ((++n > 8)) || listed+=", worker ${key#*/} on ${node_of[$key]}"
	done
	listed=${listed#, }
	((n <= 8)) || listed+=" and $((n - 8)) more"
}

# ---- steps ----
start_step() { # PART NODELIST
	load "$1"
	row=()
	fill_all "${srun[@]}"
	# No child of ours: scancel would have srun kill its tasks at once.
	exec {to}> >(
		set -m
		run_step "$@" <&0 >&"$events" &
	)
	to_step[$1]=$to
}
run_step() {
	program+=$(declare -p fact row)
	# Linux takes variables up to 128 KiB.
	for ((n = 10; ${#program}; n++)); do
		export "DYNPLAN_PART$n=${program:0:30000}"
		program=${program:30000}
	done
	(become "${#own[@]}" "${own[@]}" srun --quiet --overlap --overcommit --distribution=arbitrary \
		--cpu-bind=none --kill-on-bad-exit=1 --wait=0 \
		"--job-name=${1#*:}" "--ntasks=$tasks" "--nodelist=$2" "${words[@]}" \
		bash -c "source <(for REPLY in \${!DYNPLAN_PART@}; do printf %s \"\${!REPLY}\"; done) && enter $1")
	echo "dynplan|end|$1||||$?"
}
start_roles() {
	for role in "${roles[@]}"; do
		[[ -z ${begun[$role]} ]] || continue
		load "$role"
		for other in "${after[@]}"; do ((left[$other] == 0)) || continue 2; done
		say "role $role: starting $tasks tasks"
		begun[$role]=$SECONDS
		"$starter" "$role" "${hosts_of[$role]#,}"
	done
}
all_ready() {
	for role in "${roles[@]}"; do ((left[$role] == 0)) || return; done
}
runs() { # PARTS
	for part in "${!to_step[@]}"; do [[ " $1 " != *" ${part%/*} "* ]] || return 0; done
	return 1
}
tell() { # PARTS WORDS
	for part in "${!to_step[@]}"; do [[ " $1 " != *" ${part%/*} "* ]] || echo "$2" >&"${to_step[$part]}"; done
} 2>/dev/null
stop() { # PARTS: their tasks count the grace
	limit=$((SECONDS + longest_grace + 5))
	[[ -z $has_followers ]] || stop_leaders "$1"
	tell "$1" stop
	while runs "$1" && ((SECONDS < limit)); do next_event; done
}

# ---- events ----
next_event() { # or let a second pass
	if ! IFS= read -r -t 1 -u "$events" line; then
		heard+=$line
	elif line=$heard$line heard='' && [[ $line =~ ^dynplan\|$field$field$field$field$field(.*)$ ]]; then
		set -- "${BASH_REMATCH[@]:1}"
		printf '%(%FT%T%z)T\t%s\t%s\t%s\t%s\t%s\t%s\n' -1 "$@" >&"$event_log"
		event=$1 role=$2 rank=$4 detail=$6 key=$2/$3.$4
		on_event
	else
		say "$line"
	fi
	((SECONDS < report_at)) || report
}
on_event() {
	case $event in
	node) fact[ip.$rank]=$detail ;;
	problem) say "$detail" && problems[rank]=${problems[rank]-$detail} ;;
	started) [[ ${state[$key]} != expected ]] || state[$key]=started ;;
	ready | healthy) on_ready ;;
	failed) [[ $detail != *SIGTERM* ]] || check_nodes && fail "$detail" ;;
	exit | stopped) state[$key]=ended:$detail ;;
	signal) fail_outside 'the steps were stopped from outside' ;;
	end) on_end ;;
	*) "on_$event" ;;
	esac
}
on_ready() {
	[[ ${state[$key]} != @(ready|ended*) ]] || return 0
	state[$key]=ready
	((--left[$role] == 0)) || return 0
	[[ $event == healthy ]] || say "role $role: ready, $((SECONDS - begun[$role])) s after its start"
	load "$role"
	[[ $kind == service ]] || tell "$role" stop
	start_roles
}
on_end() { # of a step
	unset "to_step[$role]"
	step_status=$detail
	list_tasks "$role" 'expected|queued|started|ready|asked'
	[[ -n $listed && -z $closing ]] || return 0
	check_nodes
	no_word
}
check_nodes() {
	read -r node < <(sinfo --noheader --Node --dead --format=%N --nodes="${all_hosts#,}") || return 0
	listed=''
	for key in "${keys[@]}"; do [[ ${node_of[$key]} != "$node" ]] || listed+=" $key"; done
	fail "76 node $node is lost, and with it$listed"
}
report() { # at a decreasing rate
	report_at=$((SECONDS * 3 / 2 + 5))
	for role in "${!begun[@]}"; do
		list_tasks "$role" 'expected|queued|started|asked'
		[[ -z $listed ]] || say "role $role: waiting for $listed"
	done
}

# ---- the end ----
finish() {
	status=$?
	trap - EXIT
	(($$ == BASHPID)) || exit # a child that a signal met
	[[ -n $closing || $status == 0 ]] || cause='the launcher itself stopped; see above' code=70
	closing=yes
	[[ -z $cause ]] || {
		say "dynplan: FAILED: $cause"
		[[ ! -s $cause_log ]] || { echo "---- last lines of $cause_log" && tail -n 20 -- "$cause_log"; }
	} | tee -- "$dir/failure-marker.txt"
	for name in "${phases[*]/#/phase:} :preflight" "${stop_order[@]}"; do stop "$name"; done
	[[ -n $cause ]] || { say "dynplan: done; results in $dir" && echo 'done' >"$dir/success-marker.txt"; }
	exit "$code"
}
