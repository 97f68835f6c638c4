# ---- the batch script ----
hide "$@"
mapfile -t functions < <(compgen -A function)
# What is known of the tasks. A task is KEY, ROLE/WORKER.RANK, and `expected` where state has no entry.
declare -A fact=([brace]='{') row=() state=() parts=() step_input=() step_statuses=()
# Of a job without phases: the roles of kind "task" that have not ended and for which no other role waits.
declare -A last_tasks=()
ends_with_tasks=''
declare -A left=() begun=() leaders=() leaders_ended=() last_on=() next_task=()
# Of a step: how many tasks have not said a word, since when, what srun says, and when it is tried again.
declare -A silent=() asked_at=() first_words=() last_words=() tries_of=() tried_words=() next_try=()
# Of a role of kind "task" that has ended: since when its place waits for the end of its steps.
declare -A giving=()
# How many tasks of ours have been started on each node, and on the fullest one.
tasks_on=()
# Of a heterogeneous job: the step of a task whose part has several.
declare -A step_of=()
most_on_node=0
token=$RANDOM.$RANDOM.$RANDOM
finished=''
hosts=()
addresses=()
links=()
nameless=()
named_hosts=()
problems=()
cpu_bind=(--cpu-bind=none)
node_list=''
node_width=0
closing=''
cause=''
cause_log=''
code=0
report_at=0
began_at=0
now=0
stamp=''
roles_left=0
nodes_left=0
declare -A known_events=(
	[node]=yes [problem]=yes [queued]=yes [started]=yes [ready]=yes [turn]=yes [healthy]=yes [restart]=yes [warning]=yes
	[failed]=yes [excused]=yes [exit]=yes [stopped]=yes [signal]=yes [end]=yes [said]=yes
)
bad_phase=''
records=''
ticker=''
dir=''

# say TEXT: prints a line of the job's output
say() {
	printf '[%(%H:%M:%S)T] %s\n' -1 "$*"
}

# fail 'CODE TEXT[; log FILE]': ends the job; the first cause counts
fail() {
	if [[ -n $closing ]]; then
		return
	fi
	closing=yes
	code=${1%% *}
	if ! is_number "$code"; then
		code=70
	fi
	cause=${1#* }
	cause_log=${1##*; log }
	exit
}

# fail_outside TEXT: the same for what we did not do, if our own TERM is not on its way
fail_outside() {
	if [[ -z $closing ]]; then
		read -r -t 2 -u "$quiet" _
	fi
	fail "76 $1"
}

# is_number TEXT: tells whether a task's word is safe as a number
is_number() {
	[[ $1 == 0 || ($1 == [1-9]* && $1 != *[!0-9]* && ${#1} -lt 9) ]]
}

# ---- steps ----
# place_tasks: sets task_nodes and task_names, the nodes of the tasks of the part that is loaded and what
# each is called in it, WORKER.RANK
place_tasks() {
	local number=$first last=$((first + tasks)) end at repetition index low step worker rank
	local -a node_low node_step worker_low worker_step rank_low
	task_nodes=()
	task_names=()
	while ((number < last)); do
		find_group "$number"
		for ((index = 0; index < group_size; index++)); do
			at=$((group_rows[group] + index))
			get_cell "$at" node
			node_low[index]=$low
			node_step[index]=$step
			get_cell "$at" worker
			worker_low[index]=$low
			worker_step[index]=$step
			get_cell "$at" rank
			rank_low[index]=$low
		done
		end=$((group_first + group_times[group] * group_size))
		for (( ; number < end && number < last; number++)); do
			index=$(((number - group_first) % group_size))
			repetition=$(((number - group_first) / group_size))
			worker=$((worker_low[index] + worker_step[index] * repetition))
			rank=${rank_low[index]}
			task_nodes+=("$((node_low[index] + node_step[index] * repetition))")
			task_names+=("$worker.$rank")
		done
	done
}

# join WORD...: sets joined, the words with commas between them
join() {
	local IFS=,
	joined="$*"
}

# list_hosts: sets joined, the host of each task of the part that is loaded, and counts them in tasks_on
list_hosts() {
	local node
	local -a names=()
	place_tasks
	for node in "${task_nodes[@]}"; do
		names+=("${hosts[node]}")
		if ((++tasks_on[node] > most_on_node)); then
			most_on_node=${tasks_on[node]}
		fi
	done
	join "${names[@]}"
}

# start_step PART: starts the srun of a role, ROLE/WORKER, phase:NAME or :preflight
start_step() {
	load "$1"
	count_leaders "$1"
	parts[$1]=yes
	look_at_clock
	asked_at[$1]=$now
	silent[$1]=$tasks
	launch_step "$1"
}

# launch_step PART: starts the srun of the part that is loaded
launch_step() {
	local input joined
	unset -v "first_words[$1]" "last_words[$1]"
	if [[ $1 == :preflight* ]]; then
		join "${hosts[@]:first:tasks}"
	else
		list_hosts
	fi
	# No child of ours: scancel would have srun kill its tasks at once.
	exec {input}> >(
		set -m
		run_step "$1" "$tasks" "$joined" <&0 >&"$events" &
	)
	step_input[$1]=$input
}

# run_step PART TASKS NODELIST: runs the srun of a step, and tells what it says and how it ends. In a process
# of its own. Without --quiet srun says what it waits for
run_step() {
	local said srun_pid
	make_lists "$1"
	load "$1"
	row=()
	fill_all "${srun[@]}"
	export_program "$1"
	# What a role, or the site, says of MPI comes later and holds.
	exec {said}< <(become "${own[@]}" -- "${through[@]}" srun --overlap --overcommit --distribution=arbitrary \
		"${cpu_bind[@]}" --mpi=none --kill-on-bad-exit=1 --wait=0 \
		"--job-name=${1#*:}" "--ntasks=$2" "--nodelist=$3" "${words[@]}" \
		bash -p -c "case \$BASH_VERSION in
[0-3].* | 4.[0-3].*)
	echo \"dynplan|failed|$1||\$SLURM_PROCID|\$SLURMD_NODENAME|\
65 ${1#:} on \$SLURMD_NODENAME: bash 4.4 is needed, this is \$BASH_VERSION|\"
	exit
	;;
esac
set -- \${POSIXLY_CORRECT+\"POSIXLY_CORRECT=\$POSIXLY_CORRECT\"}
set +o posix
source <(for REPLY in \${!DYNPLAN_PART@}; do printf %s \"\${!REPLY}\"; done) && enter $1" <&0 2>&1 >&"$events")
	srun_pid=$!
	relay_words "$1"
	wait "$srun_pid"
	echo "dynplan|end|$1|||$token|$?|"
}

# list_nodes: sets node_list and node_width, what tasks are told of the nodes: see find_node
list_nodes() {
	local node entry
	node_width=0
	for node in "${!hosts[@]}"; do
		list_node "$node"
		if ((${#entry} >= node_width)); then
			node_width=$((${#entry} + 1))
		fi
	done
	for node in "${!hosts[@]}"; do
		list_node "$node"
		printf -v entry "%-${node_width}s" "$entry"
		node_list+=$entry
	done
}

# list_node NODE: sets entry, what tasks are told of it
list_node() {
	entry="${hosts[$1]}=${addresses[$1]-}"
	if [[ -n ${nameless[$1]-}${links[$1]-} ]]; then
		entry+="=${nameless[$1]-}=${links[$1]-}"
	fi
}

# export_program PART: puts the functions and the facts for the tasks into the environment, in variables
# DYNPLAN_PART10 and so on, as Linux takes up to 128 KiB in each (execve(2), MAX_ARG_STRLEN)
export_program() {
	local text name function=role_${1%/*} number=10
	local -a names=()
	if [[ $1 == phase:* ]]; then
		function=phase_${1#phase:}
	fi
	# What a task is not given it need not read: of the functions of roles and phases it needs its own, or all
	# where words stand for workers of other roles.
	for name in "${functions[@]}"; do
		case $name in
		preflight*)
			if [[ $1 != :preflight* ]]; then
				continue
			fi
			;;
		role_* | phase_*)
			if [[ $1 != :preflight* && $name != "$function" ]] && ! declare -F each >/dev/null; then
				continue
			fi
			;;
		esac
		names+=("$name")
	done
	if [[ $1 == :preflight* ]]; then
		node_list=''
	fi
	text=$(declare -f "${names[@]}")$'\nhide "$@"\nin_task=yes hosts=() addresses=() links=() nameless=()\n'$(declare -p fact row node_list node_width)
	while [[ -n $text ]]; do
		export "DYNPLAN_PART$number=${text:0:100000}"
		text=${text:100000}
		number=$((number + 1))
	done
}

# start_roles: starts the roles for which everything before them is ready, and whose places are free
start_roles() {
	local role other waits counted
	if [[ -n $closing ]]; then
		return
	fi
	for role in "${roles[@]}"; do
		if [[ -n ${begun[$role]-} ]]; then
			continue
		fi
		load "$role"
		waits=''
		for other in "${after[@]}"; do
			if ((${left[$other]} > 0)) || [[ -n ${giving[$other]-} ]]; then
				waits=yes
			fi
		done
		if [[ -z $waits ]]; then
			count_of "$tasks" task
			say "role $role: starting $counted"
			look_at_clock
			begun[$role]=$now
			if [[ -n $stagger ]]; then
				queue_tasks "$role"
			fi
			"$starter" "$role"
		fi
	done
}

# queue_tasks ROLE: sets next_task of each task to the number of the one after it on its node
queue_tasks() {
	local number key place
	place_tasks
	for number in "${!task_nodes[@]}"; do
		key=$1/${task_names[number]}
		place=$1/${task_nodes[number]}
		if [[ -n ${last_on[$place]-} ]]; then
			next_task[${last_on[$place]}]=$number
		fi
		last_on[$place]=$key
	done
}

# steps_of PARTS: sets steps, those of the parts in a line of names that run
steps_of() {
	local part
	steps=()
	for part in "${!step_input[@]}"; do
		if [[ " $1 " == *" ${part%/*} "* ]]; then
			steps+=("$part")
		fi
	done
}

# runs PARTS: tells whether a step of them does
runs() {
	local steps
	steps_of "$1"
	((${#steps[@]} > 0))
}

# tell PARTS COMMAND: tells every task of their steps
tell() {
	local steps part
	steps_of "$1"
	for part in "${steps[@]}"; do
		echo "$2" >&"${step_input[$part]}"
	done
} 2>/dev/null

# stop PARTS: ends their tasks, leaders first. The tasks count their grace themselves
stop() {
	local limit part
	# Where many tasks end at once on one node, each takes a little longer.
	local patience=$((longest_grace + 5 + most_on_node / 8))
	for part in "${!next_try[@]}"; do
		if [[ " $1 " == *" ${part%/*} "* ]]; then
			forget_step "$part"
		fi
	done
	look_at_clock
	limit=$((now + patience))
	if [[ -n $has_followers ]]; then
		tell "$1" stop_leader
		while leaders_run "$1" && ((now < limit)); do
			next_event
		done
		look_at_clock
		limit=$((now + patience))
	fi
	tell "$1" stop
	while runs "$1" && ((now < limit)); do
		next_event
	done
}

# count_leaders PART: counts in leaders the workers of the step of a role
count_leaders() {
	local role=${1%/*} count=${workers:-$tasks}
	if [[ -z ${left[$role]-} ]]; then
		return
	fi
	case $1 in
	*/+*) count=$tasks ;;
	*/*) count=1 ;;
	esac
	leaders[$role]=$((${leaders[$role]-0} + count))
}

# leaders_run PARTS: tells whether rank 0 of one of their workers has not ended
leaders_run() {
	local steps part role
	steps_of "$1"
	for part in "${steps[@]}"; do
		role=${part%/*}
		if [[ -n ${leaders[$role]-} ]] && ((${leaders_ended[$role]-0} < ${leaders[$role]})); then
			return 0
		fi
	done
	return 1
}
