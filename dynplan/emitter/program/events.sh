# ---- events ----
# tick: writes an empty line among the events each second, as long as the batch script lives. So reading
# needs no limit: with one bash 5.2 asks the kernel three times for each byte. It also ends a line that a
# step has left unfinished
tick() {
	trap '' TERM INT USR1
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

# each_second: sets stamp, the time for events.log, and now and then reports
each_second() {
	printf -v stamp '%(%FT%T%z)T' -1
	if ((SECONDS >= report_at)); then
		report
	fi
}

# on_signal NAME: the trap of a signal: ends the job. A trap runs with the variables of where we are
on_signal() {
	local IFS=$' \t\n'
	case $1 in
	TERM)
		check_nodes
		fail '143 TERM: cancelled, or the time limit'
		;;
	INT)
		fail '130 INT'
		;;
	USR1)
		fail '75 the time limit is near'
		;;
	esac
}

# take_line: acts on the fields of a line if it is an event, and prints other lines. A worker can write to its
# wrapper's output: none of these words may be taken for code or for an index unseen
take_line() {
	if [[ $mark != dynplan || -z ${known_events[${event_name:-none}]-} || -z ${parts[${event_part:-none}]-} ||
		$event_worker$event_rank == *[!0-9]* || ${#event_worker} -gt 9 || ${#event_rank} -gt 9 ||
		(-z $event_rank && $event_name != end) || ($event_name == end && (-n $event_rank || -z $event_detail)) ]]; then
		print_line
		return
	fi
	event_detail=${event_detail%'|'}
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
		"$stamp" "$event_name" "$event_part" "$event_worker" "$event_rank" "$event_node" "$event_detail" >&"$event_log"
	event_key=$event_part/$event_worker.$event_rank
	case $event_name in
	node)
		on_node
		;;
	image)
		on_image
		;;
	problem)
		say "$event_detail"
		problems[10#0$event_rank]=${problems[10#0$event_rank]-$event_detail}
		;;
	queued)
		state[$event_key]=queued
		;;
	started)
		state[$event_key]=${state[$event_key]:-started}
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
		fail_outside 'the steps were stopped from outside'
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
		say "role $event_part: ready, $((SECONDS - begun[$event_part])) s after its start"
	fi
	load "$event_part"
	if [[ $kind == task ]]; then
		tell "$event_part" stop
	fi
	start_roles
}

# on_end: the step in event_part is over, with srun's status in event_detail
on_end() {
	local input=${step_input[$event_part]-} listed text
	if [[ -z $input ]]; then
		return
	fi
	exec {input}>&-
	unset -v "step_input[$event_part]"
	step_statuses[$event_part]=$event_detail
	list_tasks "$event_part" 'expected|queued|started|ready|asked'
	if [[ $event_part == */* && ${state[$event_part.0]-} != ended* ]]; then
		leaders_ended[${event_part%/*}]=$((${leaders_ended[${event_part%/*}]-0} + 1))
	fi
	if [[ -z $listed || -n $closing ]]; then
		return
	fi
	check_nodes
	text="role $event_part: srun ended with status $event_detail$hint and no word from $listed"
	if [[ -n $world ]]; then
		blame_world "$event_part" "$text"
	fi
	fail_outside "$text"
}

# list_tasks PART STATE|STATE...: sets listed, the tasks of a step of a role in these states
list_tasks() {
	local role=${1%/*} number key count=0
	listed=''
	load "$1"
	if [[ -z ${left[$role]-} ]]; then
		return
	fi
	place_tasks
	for number in "${!task_names[@]}"; do
		key=$role/${task_names[number]}
		if [[ ${state[$key]:-expected} == @($2) ]]; then
			count=$((count + 1))
			if ((count <= 8)); then
				listed+=", worker ${task_names[number]} on ${hosts[${task_nodes[number]}]}"
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
	report_at=$((SECONDS * 3 / 2 + 5))
	for role in "${!begun[@]}"; do
		if ((${left[$role]} > 0)); then
			list_tasks "$role" 'expected|queued|started|asked'
			if [[ -n $listed ]]; then
				say "role $role: waiting for $listed"
			fi
		fi
	done
}
