# ---- the batch script ----
# The functions above go to the tasks. The user's own (such as `module`) go on to the workers.
DYNPLAN_THEIRS=$(declare -Fx)$'\n'
mapfile -t words < <(compgen -A function)
export -f "${words[@]}"
export DYNPLAN_THEIRS
declare -A fact=() row=() state=() node_of=() hosts_of=() left=() begun=() step_pid=() to_step=() next_task=()
keys=() problems=() code=0 report_at=5

say() { printf '[%(%H:%M:%S)T] %s\n' -1 "$*"; }
note() { # EVENT ROLE WORKER RANK NODE DETAIL
	local IFS=$'\t'
	printf '%(%FT%T%z)T\t%s\n' -1 "$*" >&"$event_log"
} 2>/dev/null
fail() { # CODE TEXT[; log FILE]: the first cause, if teardown has not begun
	[[ -z $closing ]] || return 0
	closing=yes code=${1%% *} cause=${1#* } cause_log=${1##*; log }
	exit
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
	local to
	load "$1"
	row=()
	fill_all "${srun[@]}"
	# No child of ours: scancel would have srun kill its tasks before they could stop.
	exec {to}> >(
		set -m
		run_step "$@" <&0 >&"$events" &
	)
	to_step[$1]=$to step_pid[$1]=0
}
run_step() {
	local fd name n=0
	for fd in "${to_step[@]}" "$events" "$event_log"; do exec {fd}>&-; done
	for name in "${!fact[@]}"; do export "DYNPLAN_FACT_$((n++))=$name=${fact[$name]}"; done
	printf 'dynplan|begin|%s||||%s\n' "$1" "$BASHPID"
	srun --quiet --overlap --overcommit --distribution=arbitrary --cpu-bind=none --kill-on-bad-exit=1 --wait=0 \
		"--job-name=${1#*:}" "--ntasks=$tasks" "--nodelist=$2" "${words[@]}" bash -c "enter $1"
	printf 'dynplan|end|%s||||%s\n' "$1" "$?"
}
tell() { # PART COMMAND
	[[ -z ${step_pid[$1]-} ]] || printf '%s\n' "$2" >&"${to_step[$1]}"
}
start_roles() { # those whose `after` are ready
	local role other
	for role in "${roles[@]}"; do
		[[ -z ${begun[$role]-} ]] || continue
		load "$role"
		for other in "${after[@]}"; do ((left[$other] == 0)) || continue 2; done
		say "role $role: starting $tasks tasks"
		begun[$role]=$SECONDS
		start_step "$role" "${hosts_of[$role]#,}"
	done
}
runs() { # STAGE: does any step of it?
	local part
	for part in "${!step_pid[@]}"; do
		load "$part"
		((stage != $1)) || return 0
	done
	return 1
}
stop_stage() { # STAGE
	local word part limit
	[[ -z $has_followers ]] || stop_leaders "$1"
	for word in stop kill KILL; do
		limit=$((SECONDS + 3))
		for part in "${!step_pid[@]}"; do
			load "$part"
			((stage == $1)) || continue
			tell "$part" "$word"
			[[ $word != KILL ]] || kill -KILL -- "-${step_pid[$part]}"
			[[ $word != stop ]] || ((limit > SECONDS + grace + 3)) || limit=$((SECONDS + grace + 3))
		done
		while runs "$1" && ((SECONDS < limit)) && [[ -z $hurry || $word == KILL ]]; do next_event; done
	done
} 2>/dev/null

# ---- events ----
next_event() { # handle one, or let up to a second pass
	local line='' field='([^|]*)\|' event role rank node detail key
	if ! IFS= read -r -t 1 -u "$events" line; then
		heard+=$line
	elif line=$heard$line heard='' && [[ $line =~ ^dynplan\|$field$field$field$field$field(.*)$ ]]; then
		set -- "${BASH_REMATCH[@]:1}"
		note "$@"
		event=$1 role=$2 rank=$4 node=$5 detail=$6 key=$2/$3.$4
		on_event
	else
		say "$line"
	fi
	((SECONDS < report_at)) || report_missing
}
on_event() {
	case $event in
	node) fact[node.$rank]="${hosts[rank]} $detail" ;;
	begin) step_pid[$role]=$detail ;;
	problem) say "$detail" && problems+=("$detail") ;;
	started) [[ ${state[$key]-} != expected ]] || state[$key]=started ;;
	ready | healthy) on_ready ;;
	restart) say "$detail" ;;
	excused) say "$detail" && on_ready ;; # nobody waits for it any more
	failed) fail "$detail" ;;
	exit | stopped) state[$key]=ended phase_result=$detail ;;
	signal)
		[[ -n $closing ]] || sleep 2 & # ours may come later
		wait "$!"
		fail '76 the steps were stopped from outside'
		;;
	end) on_step_end ;;
	*) "on_$event" ;;
	esac
}
on_ready() {
	[[ ${state[$key]-ended} != @(ready|ended) ]] || return 0
	state[$key]=ready
	[[ -z ${next_task[$key]-} ]] || tell "$role" "go ${next_task[$key]}"
	((--left[$role] == 0)) || return 0
	say "role $role: ready, $((SECONDS - begun[$role])) s after its start"
	load "$role"
	[[ $kind == service ]] || tell "$role" stop
	start_roles
}
on_step_end() {
	unset "step_pid[$role]"
	step_status=$detail
	list_tasks "$role" 'expected|queued|started|ready|asked'
	[[ -n $listed && -z $closing ]] || return 0
	read -r node < <(sinfo --noheader --Node --dead --format=%N "--nodes=${hosts_of[$role]#,}")
	[[ -z $node ]] || fail "76 node $node is lost; role $role: $listed"
	load "$role"
	fail "76 role $role: srun ended with status $detail and no word from $listed${image:+ (does $image hold bash?)}"
}
report_missing() { # at a decreasing rate
	report_at=$((SECONDS * 3 / 2 + 5))
	for role in "${!begun[@]}"; do
		list_tasks "$role" 'expected|queued|started|asked'
		[[ -z $listed ]] || say "role $role: waiting for $listed"
	done
}

# ---- the end ----
on_trap() { # CODE TEXT
	[[ -z $closing ]] || hurry=yes
	fail "$1"
}
finish() {
	local status=$? n
	trap - EXIT
	[[ -n $closing || $status == 0 ]] || cause='the launcher itself stopped; see above' code=70
	closing=yes
	for ((n = 0; n <= last_stage; n++)); do stop_stage "$n"; done
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
exec {events}<> <(:)
trap finish EXIT
trap 'on_trap "143 TERM: cancelled, or the time limit"' TERM
trap 'on_trap "130 INT"' INT
trap 'on_trap "75 the time limit is near"' USR1
trap '' PIPE

# ---- 1. allocation and output directory ----
# What srun would take from the job's environment; its effect differs by version.
unset SLURM_{NTASKS,NPROCS,NTASKS_PER_NODE,CPUS_PER_TASK,TRES_PER_TASK,DISTRIBUTION,HOSTFILE,CPU_BIND,GPU_BIND} \
	SLURM_{GPUS_PER_TASK,HINT,LABELIO,STDINMODE,STDOUTMODE,UNBUFFEREDIO}
export SLURM_EXPORT_ENV=ALL
job
[[ -n ${SLURM_JOB_ID-} ]] || fail '64 not inside a Slurm job: submit with sbatch, or run under salloc'
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
((${#hosts[@]} == nodes)) || fail "64 the plan needs $nodes nodes, the job has ${#hosts[@]}: ${hosts[*]}"
[[ -z $has_hosts ]] || map_hosts
base=${output_dir//%x/$job_name}
base=${base//%j/$SLURM_JOB_ID}
[[ $base == /* ]] || base=$PWD/$base
dir=$base n=0
while [[ -e $dir/events.log ]]; do dir=$base.$((++n)); done # of an earlier run
{ mkdir -p -- "$dir/logs" "$dir/phases" && : >"$dir/events.log"; } || fail "74 cannot write in $dir"
exec {event_log}>>"$dir/events.log"
say "results in $dir"
fact=([job.id]=$SLURM_JOB_ID [job.name]=$job_name [job.dir]=$dir)

# ---- 2. preflight ----
printf -v line ',%s' "${hosts[@]}"
start_step :preflight "${line#,}"
while runs 0 && ((SECONDS < 120)); do next_event; done
((${#problems[@]} < 2)) || problems[0]+=" (and $((${#problems[@]} - 1)) more, see above)"
((${#problems[@]} == 0)) || fail "65 ${problems[0]}; nothing was started"
[[ $step_status == 0 ]] || fail "76 preflight: srun's status is '$step_status'"

# ---- 3. files and facts ----
plan=$'schema = 1\n'"job = { name = $quoted_name, id = \"$SLURM_JOB_ID\" }"$'\nnodes = ['
for n in "${!hosts[@]}"; do
	plan+=$'\n'"  { node = $n, host = \"${hosts[n]}\", ip = \"${fact[node.$n]#* }\", gpus = $gpus },"
done
endpoints="{\"job\": {\"id\": \"$SLURM_JOB_ID\", \"name\": $quoted_name}, \"roles\": {"
add_fact() { # NAME TEMPLATE: of the first worker, or NAME+ for a list of all
	fill "$2"
	if [[ $1 == *+ ]]; then fact[${1%+}]+=${fact[${1%+}]+,}$filled; else fact[$1]=${fact[$1]-$filled}; fi
}
for role in "${roles[@]}"; do
	load "$role"
	left[$role]=$tasks endpoints+="${comma:+],}"$'\n'"  \"$role\": [" comma=''
	for ((n = 0; n < tasks; n++)); do
		find_task "$n"
		key=$role/${row[worker]}.${row[rank]} ports='' counts='' url=''
		keys+=("$key") state[$key]=expected node_of[$key]=${row[host]} hosts_of[$role]+=,${row[host]}
		[[ -z $stagger ]] || queue_task
		if ((row[rank] == 0)); then
			[[ -z $metrics ]] || add_metrics
			for pair in "${facts[@]}"; do add_fact "${pair%%=*}" "${pair#*=}"; done
			plan+=$'\n]\n\n[[workers]]\nrole = "'$role$'"\nworker = '${row[worker]}$'\ntasks = ['
		fi
		for name in "${!row[@]}"; do
			[[ $name == port.* && $name != port.*.last ]] || continue
			ports+=", \"${name#port.}\": ${row[$name]}"
			counts+=", ${name#port.} = { port = ${row[$name]}, count = $((row[$name.last] - row[$name] + 1)) }"
		done
		plan+=$'\n'"  { rank = ${row[rank]}, node = ${row[node]}, gpus = [${row[gpus]}], ports = {${counts#,} } },"
		endpoints+=$comma$'\n'"    {\"worker\": ${row[worker]}, \"rank\": ${row[rank]}, \"node\": ${row[node]},"
		endpoints+=" \"host\": \"${row[host]}\", \"ip\": \"${row[ip]}\", \"gpus\": [${row[gpus]}],"
		endpoints+=" \"ports\": {${ports#, }}, \"metrics\": \"$url\"}" comma=,
	done
done
{ printf '%s\n]\n' "$plan" >"$dir/plan.toml" && printf '%s]\n}}\n' "$endpoints" >"$dir/endpoints.json" &&
	printf '[%s]\n' "$scrape" >"$dir/prometheus.json"; } || fail "74 cannot write in $dir"
[[ -z $has_files ]] || files

# ---- 4. roles ----
start_roles
all_ready() {
	for role in "${roles[@]}"; do ((left[$role] == 0)) || return; done
}
until all_ready; do next_event; done
