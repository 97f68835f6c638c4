# ---- the batch script ----
DYNPLAN_CODE=$(declare -f) # all that stands above: the tasks need it
declare -A fact=() row=() state=() node_of=() hosts_of=() left=() begun=() to_step=() next_task=()
keys=() problems=() code=0 report_at=5 heard='' closing='' cause='' bad_phase='' comma='' scrape='' urls=''

say() { printf '[%(%H:%M:%S)T] %s\n' -1 "$*"; }
fail() { # CODE TEXT[; log FILE]: the first cause counts, and none once the end has begun
	[[ -z $closing ]] || return 0
	closing=yes code=${1%% *} cause=${1#* } cause_log=${1##*; log }
	exit
}
fail_outside() { # TEXT: where somebody else ended a step, our own TERM may be on its way
	[[ -n $closing ]] || sleep 1 &
	wait "$!"
	fail "76 $1"
}
list_tasks() { # ROLE STATE|STATE... -> listed
	local key n=0
	listed=''
	for key in "${keys[@]}"; do
		[[ $key != "$1/"* || ${state[$key]} != @($2) ]] || ((++n > 8)) || listed+=", worker ${key#*/} on ${node_of[$key]}"
	done
	listed=${listed#, }
	((n <= 8)) || listed+=" and $((n - 8)) more"
}

# ---- steps ----
start_step() { # PART NODELIST
	load "$1"
	row=()
	fill_all "${srun[@]}"
	# No child of ours: scancel would have srun kill its tasks before they could stop.
	exec {to}> >(
		set -m
		run_step "$@" <&0 >&"$events" &
	)
	to_step[$1]=$to
}
run_step() {
	for fd in "${to_step[@]}" "$events" "$event_log"; do exec {fd}>&-; done
	DYNPLAN_CODE+=";$(declare -p fact)"
	export DYNPLAN_CODE
	srun --quiet --overlap --overcommit --distribution=arbitrary --cpu-bind=none --kill-on-bad-exit=1 --wait=0 \
		"--job-name=${1#*:}" "--ntasks=$tasks" "--nodelist=$2" "${words[@]}" bash -c "source <(printf '%s' \"\$DYNPLAN_CODE\") && enter $1"
	echo "dynplan|end|$1||||$?"
}
start_roles() { # those whose `after` are ready
	for role in "${roles[@]}"; do
		[[ -z ${begun[$role]-} ]] || continue
		load "$role"
		for other in "${after[@]}"; do ((left[$other] == 0)) || continue 2; done
		say "role $role: starting $tasks tasks"
		begun[$role]=$SECONDS
		start_step "$role" "${hosts_of[$role]#,}"
	done
}
all_ready() {
	for role in "${roles[@]}"; do ((left[$role] == 0)) || return; done
}
runs() { # PARTS: does any of them?
	for part in "${!to_step[@]}"; do [[ " $1 " != *" $part "* ]] || return 0; done
	return 1
}
stop() { # PARTS, together; the tasks count the grace; what they cannot end is left to Slurm
	local limit=$((SECONDS + longest_grace + 5))
	[[ -z $has_followers ]] || stop_leaders "$1"
	for part in "${!to_step[@]}"; do [[ " $1 " != *" $part "* ]] || echo stop >&"${to_step[$part]}"; done
	while runs "$1" && ((SECONDS < limit)); do next_event; done
}

# ---- events ----
next_event() { # handle one, or let up to a second pass
	local line field='([^|]*)\|' event role rank node detail key
	if ! IFS= read -r -t 1 -u "$events" line; then
		heard+=$line
	elif line=$heard$line heard='' && [[ $line =~ ^dynplan\|$field$field$field$field$field(.*)$ ]]; then
		set -- "${BASH_REMATCH[@]:1}"
		printf '%(%FT%T%z)T\t%s\t%s\t%s\t%s\t%s\t%s\n' -1 "$@" >&"$event_log"
		event=$1 role=$2 rank=$4 node=$5 detail=$6 key=$2/$3.$4
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
	started) [[ ${state[$key]-} != expected ]] || state[$key]=started ;;
	ready | healthy) on_ready ;;
	failed) fail "$detail" ;;
	exit | stopped) state[$key]=ended phase_result=$detail ;;
	signal) fail_outside 'the steps were stopped from outside' ;;
	end) on_end ;;
	*) "on_$event" ;;
	esac
}
on_ready() {
	[[ ${state[$key]} != @(ready|ended) ]] || return 0
	state[$key]=ready
	[[ -z ${next_task[$key]-} ]] || echo "go ${next_task[$key]}" >&"${to_step[$role]}"
	((--left[$role] == 0)) || return 0
	[[ $event == healthy ]] || say "role $role: ready, $((SECONDS - begun[$role])) s after its start"
	load "$role"
	[[ $kind == service ]] || echo stop >&"${to_step[$role]}"
	start_roles
}
on_end() { # of a step
	unset "to_step[$role]"
	step_status=$detail
	list_tasks "$role" 'expected|queued|started|ready|asked'
	[[ -n $listed && -z $closing ]] || return 0
	read -r node < <(sinfo -hNd -o %N -n "${hosts_of[$role]#,}")
	[[ -z $node ]] || fail "76 node $node is lost; role $role: $listed"
	fail_outside "role $role: srun ended with status $detail${hint-} and no word from $listed"
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
	local status=$?
	trap - EXIT
	[[ -n $closing || $status == 0 ]] || cause='the launcher itself stopped; see above' code=70
	closing=yes
	for name in "${phases[*]/#/phase:} :preflight" "${stop_order[@]}"; do stop "$name"; done
	if [[ -z $cause ]]; then
		say "dynplan: done; results in $dir"
		echo 'done' >"$dir/success-marker.txt"
	else
		{
			say "dynplan: FAILED: $cause"
			[[ ! -s $cause_log ]] || { echo "---- last lines of $cause_log" && tail -n 20 -- "$cause_log"; }
		} | tee -- "$dir/failure-marker.txt"
	fi
	exit "$code"
}
