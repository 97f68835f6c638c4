# ---- in a task: the wrapper ----
# enter PART: all that a task of a step does
enter() {
	unset -v "${!DYNPLAN_PART@}"
	part=$1
	if [[ $part == :preflight* ]]; then
		preflight
	else
		wrap
	fi
}

# become [NAME=VALUE|NAME]... -- WORD...: makes this process a program, with these variables set or unset.
# By parameters alone, as any name may be the user's; one that is an array of ours must go first. Bash has its word
# to say of some, such as a locale that is not there
become() {
	while [[ $1 != -- ]]; do
		unset -v "${1%%=*}"
		if [[ $1 == *=* ]]; then
			export "${1?}"
		fi
		shift
	done 2>/dev/null
	shift
	exec -- "$@"
}

# wrap: runs a worker, or a phase, and tells what happens to it
wrap() {
	status=0
	ended=yes
	stopping=''
	released=''
	half_line=''
	lingering=''
	log_in=''
	mark=''
	trap on_slurm_signal TERM INT HUP
	trap 'pass_signal USR1' USR1
	trap 'pass_signal USR2' USR2
	trap 'pass_signal QUIT' QUIT
	trap 'pass_signal ABRT' ABRT
	trap 'pass_signal XCPU' XCPU
	trap 'pass_signal URG' URG
	trap 'pass_signal WINCH' WINCH
	# The kernel dates an entry of /proc when somebody first looks at it: see `list_strays`.
	: /proc/[0-9]*
	load "$part"
	set_mask
	set_limits
	part=${part%/*}
	find_task "$((first + SLURM_PROCID))"
	name_worker
	if declare -F find_affinity >/dev/null; then
		find_affinity
	fi
	set_environment
	keep_off_proxies
	if ! { : >>"$log"; } 2>/dev/null; then
		event failed "74 $who: cannot write $log (is it mounted in its container?)"
		return
	fi
	if [[ -n ${row[gpus]} ]] && ((${row[gpus]##*,} >= shown_count)); then
		count_of "$shown_count" GPU
		event failed "65 $who: its step shows $counted, '$shown', and the plan gives it GPUs ${row[gpus]} of its node"
		return
	fi
	binding=()
	if [[ -n $numa_bind ]] && ! bind_numa; then
		return
	fi
	if [[ -n $has_log ]]; then
		exec {log_in}<"$log"
	fi
	if [[ -n $stagger ]]; then
		await_turn
	fi
	# Where srun has ended meanwhile its input has too, and another try may be on its way.
	listen 0.01
	if [[ -z $stopping ]]; then
		if ((${#regained[@]} == 0)) || are_free "${regained[@]}"; then
			"$runner" "${command[@]}"
		fi
	fi
	if [[ -n $stopping ]]; then
		event stopped "$status"
	elif [[ $kind == phase ]]; then
		event exit "$status $who: $how; log $log"
	else
		if [[ $kind == task && $status == 0 ]]; then
			event ready ''
		else
			blame 70 "$how$lingering"
		fi
		event exit "$status"
	fi
	end_worker
	# srun breaks off when it is told to tell something to a task that is gone.
	if [[ $kind != phase ]]; then
		while [[ -z $released ]]; do
			listen 1
		done
	fi
}

# name_worker: sets who and log; adds to row what has to do with the name
name_worker() {
	if [[ $kind == phase ]]; then
		who="phase ${part#*:} on ${row[host]}"
		log=${fact[phase.dir]}.log
	else
		who="role $part worker ${row[worker]} rank ${row[rank]} on ${row[host]}"
		log=${fact[job.dir]}/logs/$part-${row[worker]}
		row[role]=$part
		if ((row["num-tasks"] > 1)); then
			log+=.${row[rank]}
			join_leader
		fi
		log+=.log
	fi
	row[task]=${fact[job.id]}/$part/${row[worker]}.${row[rank]}/$$/
}

# join_leader: makes the difference between rank 0 of a worker of several tasks and the others
join_leader() {
	local leader=${row[leader]} index
	find_node "$leader"
	row[leader.host]=${hosts[leader]}
	row[leader.ip]=${addresses[leader]}
	if ((row[rank] == 0)); then
		command+=("${leader_args[@]}")
		# Probes that only the leader is asked.
		for index in "${probe_first[@]}"; do
			probe_words[index]=${probe_words[index]#leader-}
		done
	else
		command+=("${follower_args[@]}")
	fi
}

# find_gpus: sets shown, the GPUs that the step shows in the variable of their vendor, and shown_count; where
# none were asked of Slurm they are the plan's
find_gpus() {
	local commas
	shown=${!gpu_variable-}
	shown=${shown:-$all_gpus}
	commas=${shown//[!,]/}
	shown_count=$((${#commas} + ${#shown} > 0 ? ${#commas} + 1 : 0))
}

# set_environment: sets visible, the worker's part of the GPUs that the step shows, and exports
set_environment() {
	local rest place=0 name
	find_gpus
	visible=''
	rest=${shown:+$shown,}
	# By position, so that numbers and UUIDs both work.
	while [[ -n $rest ]]; do
		if [[ ",${row[gpus]}," == *",$place,"* ]]; then
			visible+=${visible:+,}${rest%%,*}
		fi
		rest=${rest#*,}
		place=$((place + 1))
	done
	# Slurm sets the variables of all vendors where gres.conf(5) names none: one that nobody cuts would show
	# every GPU, and HIP obeys CUDA's too.
	exports=("${own[@]}" "${gpu_variables[@]}" "$gpu_variable=$visible")
	for name in "${!row[@]}"; do
		if [[ $name != expr.* ]]; then
			add_export "$name" "${row[$name]}"
		fi
	done
	for name in "${!fact[@]}"; do
		if [[ $name != brace && $name != role.* && $name != metrics-urls && -z ${row[$name]+x} ]]; then
			add_export "$name" "${fact[$name]}"
		fi
	done
	fill_all "${env[@]}"
	exports+=("${words[@]}")
}

# add_export NAME VALUE: adds a fact to exports: `port.http` as DYNPLAN_PORT_HTTP
add_export() {
	local name=${1//[.-]/_}
	exports+=("DYNPLAN_${name^^}=$2")
}

# listen SECONDS: so long, or until a command of the batch script comes, which is obeyed
listen() {
	local line result
	# As in `nap`.
	read -r -t "$1" line
	result=$?
	if ((result == 0)); then
		line=$half_line$line
		half_line=''
		obey "$line"
	elif ((result > 128)); then
		half_line+=$line
	else
		# The end of the input: the batch script is gone. A device is no input at all.
		if [[ ! -c /dev/stdin ]]; then
			stopping=yes
		fi
		released=yes
		exec 0<> <(:)
	fi
}

# obey COMMAND: one that comes to every task of the step
obey() {
	case $1 in
	stop)
		stopping=yes
		released=yes
		;;
	stop_leader)
		if ((row[rank] == 0)); then
			stopping=yes
		fi
		;;
	check)
		watch healthy &
		;;
	"go $((first + SLURM_PROCID))")
		my_turn=yes
		;;
	esac
}

# on_slurm_signal: somebody, mostly Slurm, wants this step to end
on_slurm_signal() {
	if [[ -z $stopping ]]; then
		event signal ''
	fi
	stopping=yes
	released=yes
}

# pass_signal NAME: a signal that is the worker's and not ours. With proctrack/cgroup Slurm sends it to us alone, with
# proctrack/linuxproc to all that descend from slurmstepd
pass_signal() {
	local -a parent=() cgroups=()
	# Not `read`: see `nap`.
	mapfile -t parent <"/proc/$PPID/comm"
	mapfile -t cgroups </proc/self/cgroup
	if [[ -z $ended && (${parent[0]-} != slurmstepd || "${cgroups[*]}" == */step_*) ]]; then
		kill -s "$1" -- "-$child"
	fi
} 2>/dev/null

# await_turn: until the worker before this one on its node is ready
await_turn() {
	my_turn=''
	if ((SLURM_LOCALID > 0)); then
		event queued ''
		while [[ -z $my_turn && -z $stopping ]]; do
			listen 1
		done
	fi
}

# run WORD...: starts the worker and waits for its end; sets status, and how in words
run() {
	fill_all "$@"
	echo "dynplan: ${who#role }, GPUs [$visible]: ${words[*]}" >>"$log"
	if [[ -n $log_in ]]; then
		# Our own line is not the worker's.
		while read -r -u "$log_in" _; do
			:
		done
	fi
	if [[ -z $mark ]]; then
		exec {mark}<"/proc/$$/limits"
	fi
	ended=''
	announced=''
	set_up=''
	if ((${#job_setup[@]} > 0)) || [[ -n $own_setup ]]; then
		exec {set_up}<> <(:)
	fi
	set -m
	start_worker </dev/null >>"$log" 2>&1 &
	child=$!
	set +m
	event started "$child"
	if is_watched; then
		watch ready &
	elif [[ -z $stopping ]]; then
		listen 0.1
		while [[ -z $stopping ]] && lives "$child" && ! is_set_up; do
			listen 0.2
		done
		if lives "$child"; then
			announce ready
		fi
	fi
	while [[ -z $stopping ]] && lives "$child"; do
		listen 0.2
	done
	if [[ -n $stopping ]]; then
		end_worker
	fi
	wait "$child" 2>/dev/null
	status=$?
	how="exit status $status"
	if ((status > 128)); then
		how="killed by SIG$(kill -l "$status") (status $status)"
	fi
	if ! is_set_up; then
		how="its setup ended: $how"
		status=$((status == 0 ? 1 : status))
	fi
	if [[ -n $set_up ]]; then
		exec {set_up}<&-
	fi
	if [[ -z $stopping ]]; then
		# What has ended it may be the end of the job, of which we hear next.
		if ((status == 143)); then
			listen 2.3
		else
			listen 0.3
		fi
	fi
	# `watch` may know more.
	wait
}

# is_set_up: whether the worker has no setup, or is through it
is_set_up() {
	[[ -z $set_up ]] || read -r -t 0 -u "$set_up"
}

# wrap_in_setup: makes words a bash that runs the setups of the job and of the worker, says so by a line on set_up, and
# becomes the program. What they `source` must not see the program's words: without arguments of its own a sourced
# script reads those of whoever sources it (bash(1), `source`), and oneAPI's setvars.sh does
wrap_in_setup() {
	local setup end text=$'dynplan_words=("$@")\nset --\n'
	for setup in "${job_setup[@]}" "$own_setup"; do
		fill "$setup"
		# A text may end with a comment, or with the backslash of a line that goes on.
		text+=$filled$'\n\ncase $? in\n0) ;;\n*) exit ;;\nesac\n'
	done
	printf -v end $'builtin echo >&%s\nexec %s>&-\nexec -- "${dynplan_words[@]}"' "$set_up" "$set_up"
	words=(bash -c "$text$end" bash "${words[@]}")
}

# start_worker: becomes the program in words
start_worker() {
	if [[ -n $log_in ]]; then
		exec {log_in}<&-
	fi
	exec {mark}<&-
	fill "$workdir"
	cd -- "${filled:-.}" || exit 126
	if [[ -n $set_up ]]; then
		wrap_in_setup
	fi
	become "${exports[@]}" -- "${through[@]}" "${binding[@]}" "${words[@]}"
}

# run_again WORD...: as `run`, and again in its place as often as the role allows
run_again() {
	local from
	run "$@"
	while [[ -z $stopping ]] && ((restarts > 0)) && [[ $kind == service || $status != 0 ]]; do
		restarts=$((restarts - 1))
		event restart "$who: $how; restarting it; log $log"
		end_worker
		look_at_clock
		from=$now
		while [[ -z $stopping ]] && ((now - from < restart_delay)); do
			listen 0.2
			look_at_clock
		done
		if [[ -z $stopping ]]; then
			run "$@"
		fi
	done
}

# run_around WORD...: as `run`, with a phase's setup before it and its after-command behind it
run_around() {
	local first_status first_how
	if ((${#setup[@]} > 0)); then
		run "${setup[@]}"
		if [[ -n $stopping || $status != 0 ]]; then
			return
		fi
	fi
	run "$@"
	if ((${#after_command[@]} == 0)) || [[ -n $stopping ]]; then
		return
	fi
	if [[ -z $go_on && $status != 0 ]]; then
		return
	fi
	first_status=$status
	first_how=$how
	own_setup=''
	end_worker
	run "${after_command[@]}"
	if ((first_status != 0)); then
		status=$first_status
		how=$first_how
	fi
}

# end_worker: the worker's process group gets its signal, its grace and KILL, and then what has left
# the group
end_worker() {
	local limit
	# Processes that come from the worker, with when they have begun, and sessions of theirs.
	local -A kin=() kin_sessions=()
	if [[ -n $ended ]]; then
		return
	fi
	ended=yes
	# As long as they can be found by their parents.
	note_kin "$child"
	look_at_clock
	# The second that has begun is not a whole one.
	limit=$((now + grace + 1))
	if kill -s "$stop_signal" -- "-$child"; then
		while ((now < limit)) && { lives "$child" || kill -0 -- "-$child"; }; do
			listen 0.2
			look_at_clock
		done
		kill -KILL -- "-$child"
	fi
	list_strays
	if ((${#strays[@]} > 0)); then
		kill -s "$stop_signal" -- "${strays[@]}"
		while ((now < limit && ${#strays[@]} > 0)); do
			listen 0.2
			look_at_clock
			list_strays
		done
		kill -KILL -- "${strays[@]}"
	fi
} 2>/dev/null

# list_strays: sets strays, the processes that have DYNPLAN_TASK of this task in their environment, and those
# that are or were found below the worker or below one of them, or are of a session of theirs: some
# programs write over their environment, or start others without one.
# An entry of /proc is never older than its process: what is older than `mark` has been there before
# the worker, and on a node of a thousand processes these are nearly all. `mark` is open, so the kernel
# keeps its date
list_strays() {
	local entry pid session begun
	local -a variables others=()
	strays=()
	for entry in /proc/[0-9]*; do
		if [[ $entry -ot /proc/$$/limits ]]; then
			continue
		fi
		variables=()
		mapfile -d '' -t variables <"$entry/environ"
		if [[ " ${variables[*]}" == *" DYNPLAN_TASK=${row[task]}"* ]]; then
			strays+=("${entry#/proc/}")
			note_kin "${entry#/proc/}"
		else
			others+=("${entry#/proc/}")
		fi
	done
	if ((${#kin[@]} == 0)); then
		return
	fi
	for pid in "${others[@]}"; do
		if get_process "$pid" && [[ $begun == "${kin[$pid]-}" || -n ${kin_sessions[$session]-} ]]; then
			strays+=("$pid")
		fi
	done
}

# note_kin PID: adds a process and all below it to kin, and their sessions to kin_sessions, if they are not
# ours
note_kin() {
	local pid file session begun ours next=0
	local -a queue=("$1") below
	get_process "$$"
	ours=$session
	while ((next < ${#queue[@]})); do
		pid=${queue[next]}
		next=$((next + 1))
		if ! get_process "$pid"; then
			continue
		fi
		kin[$pid]=$begun
		if [[ $session != "$ours" ]]; then
			kin_sessions[$session]=yes
		fi
		for file in "/proc/$pid/task/"[0-9]*/children; do
			below=()
			read -r -a below <"$file"
			queue+=("${below[@]}")
		done
	done
}

# get_process PID: sets session and begun, when it has begun; fails if it has ended (proc(5), stat). Its name, in
# parentheses, may hold anything
get_process() {
	local line=''
	IFS= read -r -d '' line <"/proc/$1/stat"
	if [[ ! $line =~ ^.*\)\ ([A-Za-z])\ [0-9]+\ [0-9]+\ ([0-9]+)\ ([-0-9]+\ ){15}([0-9]+)\  ]]; then
		return 1
	fi
	session=${BASH_REMATCH[2]}
	begun=${BASH_REMATCH[4]}
	[[ ${BASH_REMATCH[1]} != [ZXx] ]]
}
