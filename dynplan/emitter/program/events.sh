# ---- events ----
# tick: writes an empty line among the events each second, as long as the batch script lives. So reading
# needs no limit: with one bash 5.2 asks the kernel three times for each byte. It also ends a line that a
# step has left unfinished
tick() {
	trap '' TERM INT USR1 HUP QUIT USR2 ALRM XCPU XFSZ VTALRM PROF
	# A process that has ended, and that nobody has waited for yet, has no `exe`.
	while [[ -e /proc/$$/exe ]]; do
		read -r -t 1 -u "$quiet" _
		echo
	done
}

# next_event: acts on the next line of the steps, for which it waits a second at most. A line of a task is
# `dynplan|EVENT|PART|WORKER|RANK|NODE|DETAIL|`. Its fields have names that nothing else has, and are not
# local: to declare them so would take as long as all the rest
next_event() {
	IFS='|' read -r -u "$events" mark event_name event_part event_worker event_rank event_node event_detail
	if [[ -n $mark$event_name ]]; then
		take_line
	else
		each_second
	fi
}

# each_second: sets now, and stamp, the time for events.log; looks after what may happen without an event, and
# now and then reports
each_second() {
	look_at_clock
	printf -v stamp '%(%FT%T%z)T' -1
	# What is deleted can be written all the same where it is open.
	if [[ -n $dir && -z $closing && ! -e $dir/events.log ]]; then
		fail "74 $dir is gone, or its events.log"
	fi
	if ((${#silent[@]} > 0)); then
		check_launches
	fi
	if [[ -z $closing ]] && ((${#giving[@]} > 0)); then
		check_given
	fi
	if ((now >= report_at)); then
		report
	fi
}

# on_signal NAME: the trap of a signal: ends the job. A trap runs with the variables of where we are
on_signal() {
	local IFS=$' \t\n'
	if [[ -n $closing ]]; then
		return
	fi
	case $1 in
	TERM)
		check_nodes
		fail '143 TERM: cancelled, or the time limit'
		;;
	INT)
		fail '130 INT'
		;;
	USR1)
		if limit_is_near; then
			fail '75 the time limit is near'
		fi
		say 'USR1, long before the time limit: nothing to do'
		;;
	*)
		fail "$((128 + $(kill -l "$1"))) $1: a signal to the batch script"
		;;
	esac
}

# limit_is_near: tells whether Slurm is about to end the job, or may be. The signal that says so comes up to a
# minute early (sbatch(1), --signal); a user may send the same one. `squeue` says [DAYS-][HOURS:]MINUTES:SECONDS
limit_is_near() {
	local rest form='^(([0-9]+)-)?(([0-9]+):)?([0-9]+):([0-9]+)$' hours
	local -a said=()
	# Not `read`: in a trap that goes on it would take away the limit of one that waits.
	mapfile -t said < <(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%L)
	rest=${said[0]-}
	rest=${rest//[[:space:]]/}
	if [[ $rest =~ $form ]]; then
		hours=$((10#0${BASH_REMATCH[2]} * 24 + 10#0${BASH_REMATCH[4]}))
		((hours * 3600 + 10#${BASH_REMATCH[5]} * 60 + 10#${BASH_REMATCH[6]} < longest_grace + 150))
	else
		[[ $rest != UNLIMITED ]]
	fi
}

# take_line: acts on the fields of a line if it is an event, and prints other lines. A worker can write to its
# wrapper's output: none of these words may be taken for code or for an index unseen
take_line() {
	if [[ $mark != *dynplan || -z ${known_events[${event_name:-none}]-} || -z ${parts[${event_part:-none}]-} ||
		$event_worker$event_rank == *[!0-9]* || ${#event_worker} -gt 9 || ${#event_rank} -gt 9 ||
		(-z $event_rank && $event_name != @(end|said)) ||
		($event_name == @(end|said) && (-n $event_rank || -z $event_detail || $event_node != "$token")) ]]; then
		print_line
		return
	fi
	if [[ $mark != dynplan ]]; then
		# Somebody has left a line unfinished.
		say "${mark%dynplan}"
	fi
	if [[ -z $event_rank ]]; then
		event_node=''
	fi
	event_detail=${event_detail%'|'}
	if ! printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
		"$stamp" "$event_name" "$event_part" "$event_worker" "$event_rank" "$event_node" "$event_detail" >&"$event_log"; then
		fail "74 cannot write in $dir/events.log"
	fi
	event_key=$event_part/$event_worker.$event_rank
	if [[ -n $event_rank && -z ${state[$event_key]-} ]]; then
		state[$event_key]=started
		hear_task
	fi
	case $event_name in
	node)
		on_node
		;;
	image)
		on_image
		;;
	taken)
		on_taken
		;;
	block)
		on_block
		;;
	problem)
		say "$event_detail"
		problems[10#0$event_rank]=${problems[10#0$event_rank]-$event_detail}
		;;
	ready | healthy)
		on_ready
		;;
	turn)
		if [[ -n ${next_task[$event_key]-} ]]; then
			tell "$event_part" "go ${next_task[$event_key]}"
		fi
		;;
	restart | warning)
		say "$event_detail"
		;;
	excused)
		say "$event_detail"
		# Nobody waits for it any more.
		on_ready
		;;
	failed)
		if [[ $event_detail == *SIGTERM* ]]; then
			check_nodes
		fi
		fail "$event_detail"
		;;
	exit | stopped)
		if [[ $event_rank == 0 && ${state[$event_key]-} != ended* ]]; then
			leaders_ended[$event_part]=$((${leaders_ended[$event_part]-0} + 1))
		fi
		state[$event_key]=ended:$event_detail
		;;
	signal)
		if [[ -n $component ]]; then
			fail_outside "the steps in $(name_component_of "$event_node") were stopped from outside"
		fi
		fail_outside 'the steps were stopped from outside'
		;;
	said)
		take_words "$event_part" "$event_detail"
		;;
	end)
		on_end
		;;
	esac
}

# on_node: a node has passed the preflight, in which nothing of the user's runs
on_node() {
	local node=$((10#0$event_rank))
	if [[ $event_part != :preflight || $event_detail == *[[:space:]\"\\]* || -n ${addresses[node]+x} ]] || ((node >= nodes)); then
		return
	fi
	set_node "$node" "$event_detail"
	nodes_left=$((nodes_left - 1))
}

# print_line: prints a line that is no event, but for signs of ours at its end
print_line() {
	local line="$mark|$event_name|$event_part|$event_worker|$event_rank|$event_node|$event_detail"
	while [[ $line == *'|' ]]; do
		line=${line%'|'}
	done
	say "$line"
}

# on_ready: the task in event_key is ready; what waits for the last one of its role starts
on_ready() {
	local count
	if [[ -z ${left[$event_part]-} || ${state[$event_key]-} == @(ready|ended*) ]]; then
		return
	fi
	state[$event_key]=ready
	count=$((${left[$event_part]} - 1))
	left[$event_part]=$count
	if ((count > 0)); then
		return
	fi
	roles_left=$((roles_left - 1))
	if [[ $event_name != healthy ]]; then
		say "role $event_part: ready, $((now - ${begun[$event_part]})) s after its start"
	fi
	load "$event_part"
	if [[ $kind == task ]]; then
		unset -v "last_tasks[$event_part]"
		if ((${#until[@]} > 0)); then
			giving[$event_part]=$now
		fi
		tell "$event_part" stop
	fi
	start_roles
}

# give_back ROLE: starts what waits for the place of a task, if nothing of it runs any more
give_back() {
	if [[ -n ${giving[$1]-} ]] && ! runs "$1"; then
		unset -v "giving[$1]"
		start_roles
	fi
}

# check_given: ends the job where the steps of a task do not end. Its tasks have had their grace by then, and Slurm a
# minute for what it cannot kill (slurm.conf(5), UnkillableStepTimeout)
check_given() {
	local role
	for role in "${!giving[@]}"; do
		if ((now - ${giving[$role]} >= longest_grace + 120 + most_on_node / 8)); then
			load "$role"
			check_nodes
			fail_outside "role $role: has ended, and Slurm has not ended its step $((now - ${giving[$role]})) s later: \
what it gives back to ${until[*]} is not free"
		fi
	done
}

# on_end: the step in event_part is over, with srun's status in event_detail
on_end() {
	local input=${step_input[$event_part]-} listed='' text why
	if [[ -z $input || $input == "$nowhere" ]]; then
		return
	fi
	exec {input}>&-
	if try_again "$event_part" "$event_detail"; then
		return
	fi
	step_statuses[$event_part]=$event_detail
	if [[ -n ${left[${event_part%/*}]-} ]]; then
		list_tasks "$event_part" 'expected|started|ready|asked'
	fi
	forget_step "$event_part"
	if [[ -z $listed || -n $closing ]]; then
		give_back "${event_part%/*}"
		return
	fi
	check_nodes
	explain "$event_part"
	text="role ${event_part%/+*}: srun ended with status $event_detail$hint and no word from $listed$why"
	if [[ -n $world ]]; then
		blame_world "$event_part" "$text"
	fi
	fail_outside "$text"
}

# list_tasks PART STATE|STATE...: sets listed, the tasks of a step in these states, or the nodes of the preflight
list_tasks() {
	local role=${1%/*} number key count=0
	local -a task_nodes task_names
	listed=''
	load "$1"
	if [[ $1 == :preflight* ]]; then
		task_nodes=("${!hosts[@]}")
		task_nodes=("${task_nodes[@]:first:tasks}")
		task_names=("${task_nodes[@]/#/.}")
	else
		place_tasks
	fi
	for number in "${!task_names[@]}"; do
		key=$role/${task_names[number]}
		if [[ ${state[$key]:-expected} == @($2) ]]; then
			count=$((count + 1))
			if ((count > 8)); then
				continue
			fi
			if [[ $1 != :preflight* ]]; then
				listed+=", worker ${task_names[number]} on ${hosts[${task_nodes[number]}]}"
			else
				listed+=", ${hosts[${task_nodes[number]}]}"
			fi
		fi
	done
	listed=${listed#, }
	if ((count > 8)); then
		listed+=" and $((count - 8)) more"
	fi
}

# check_nodes: ends the job if Slurm has lost a node of it
check_nodes() {
	local lost='' node role number joined listed=''
	local -a numbers
	join "${hosts[@]}"
	read -r lost < <(sinfo --noheader --Node --dead --format=%N --nodes="$joined")
	if [[ -z $lost ]]; then
		return
	fi
	for node in "${!hosts[@]}"; do
		if [[ ${hosts[node]} != "$lost" ]]; then
			continue
		fi
		for role in "${roles[@]}"; do
			load "$role"
			find_tasks_on "$node"
			for number in "${numbers[@]}"; do
				find_task "$number"
				listed+=" $role/${row[worker]}.${row[rank]}"
			done
		done
	done
	fail "76 node $lost is lost, and with it$listed"
}

# report: says who is waited for, at a decreasing rate
report() {
	local role listed
	report_at=$((now + (now - began_at) / 2 + 5))
	if [[ -n $closing ]]; then
		return
	fi
	report_launches
	for role in "${!giving[@]}"; do
		load "$role"
		say "role $role: has ended, and its step not yet; ${until[*]} wait for its place"
	done
	for role in "${!begun[@]}"; do
		if ((${left[$role]} > 0)); then
			list_tasks "$role" 'started|asked'
			if [[ -n $listed ]]; then
				say "role $role: waiting for $listed"
			fi
		fi
	done
}
