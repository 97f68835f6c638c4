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

# next_event: acts on the next line of the steps, for which it waits a second at most
next_event() {
	local -a fields=()
	IFS='|' read -r -u "$events" -a fields
	if ((${#fields[@]} > 0)); then
		take_line
	fi
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

# take_line: acts on the fields of a line, `dynplan|EVENT|PART|WORKER|RANK|NODE|DETAIL|`, and prints other lines.
# A worker can write to its wrapper's output: none of these words may be taken for code or for an index unseen
take_line() {
	local event=${fields[1]-} part=${fields[2]-} worker=${fields[3]-} rank=${fields[4]-} detail=${fields[6]-}
	local key joined
	if [[ ${fields[0]} != dynplan ]] || ! is_known; then
		join_fields 0
		say "$joined"
		return
	fi
	if ((${#fields[@]} > 7)); then
		join_fields 6
		detail=$joined
	fi
	# To ask for the time takes longer than all else here.
	if ((SECONDS != stamped_at)); then
		stamped_at=$SECONDS
		printf -v stamp '%(%FT%T%z)T' -1
	fi
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
		"$stamp" "$event" "$part" "$worker" "$rank" "${fields[5]}" "$detail" >&"$event_log"
	key=$part/$worker.$rank
	case $event in
	node)
		addresses[rank]=$detail
		;;
	problem)
		say "$detail"
		problems[rank]=${problems[rank]-$detail}
		;;
	queued)
		state[$key]=queued
		;;
	started)
		state[$key]=${state[$key]:-started}
		;;
	ready | healthy)
		on_ready
		;;
	turn)
		if [[ -n ${next_task[$key]-} ]]; then
			tell "$part" "go ${next_task[$key]}"
		fi
		;;
	restart)
		say "$detail"
		;;
	excused)
		say "$detail"
		# Nobody waits for it any more.
		on_ready
		;;
	failed)
		if [[ $detail == *SIGTERM* ]]; then
			check_nodes
		fi
		fail "$detail"
		;;
	exit | stopped)
		if ((rank == 0)) && [[ ${state[$key]-} != ended* ]]; then
			leaders_ended[$part]=$((${leaders_ended[$part]-0} + 1))
		fi
		state[$key]=ended:$detail
		;;
	signal)
		fail_outside 'the steps were stopped from outside'
		;;
	end)
		on_end
		;;
	esac
}

# join_fields FIRST: sets joined, the fields from that one on as they stood in the line
join_fields() {
	local IFS='|'
	joined="${fields[*]:$1}"
}

# is_known: tells whether the words of a line, in event and so on, are such as the program writes
is_known() {
	if [[ -z $part || -z ${parts[$part]-} ]]; then
		return 1
	fi
	case $event in
	end) [[ -z $worker$rank ]] ;;
	node | problem) is_number "$rank" ;;
	queued | started | ready | healthy | turn | restart | excused | failed | exit | stopped | signal)
		is_number "$worker" && is_number "$rank"
		;;
	*) return 1 ;;
	esac
}

# on_ready: the task in key is ready; what waits for the last one of its role starts
on_ready() {
	if [[ -z ${left[$part]-} || ${state[$key]-} == @(ready|ended*) ]]; then
		return
	fi
	state[$key]=ready
	left[$part]=$((${left[$part]} - 1))
	if ((${left[$part]} > 0)); then
		return
	fi
	if [[ $event != healthy ]]; then
		say "role $part: ready, $((SECONDS - begun[$part])) s after its start"
	fi
	load "$part"
	if [[ $kind == task ]]; then
		tell "$part" stop
	fi
	start_roles
}

# on_end: the step in part is over, with srun's status in detail
on_end() {
	local input=${step_input[$part]-} listed text
	if [[ -z $input ]]; then
		return
	fi
	exec {input}>&-
	unset -v "step_input[$part]"
	step_statuses[$part]=$detail
	list_tasks "$part" 'expected|queued|started|ready|asked'
	if [[ $part == */* && ${state[$part.0]-} != ended* ]]; then
		leaders_ended[${part%/*}]=$((${leaders_ended[${part%/*}]-0} + 1))
	fi
	if [[ -z $listed || -n $closing ]]; then
		return
	fi
	check_nodes
	text="role $part: srun ended with status $detail$hint and no word from $listed"
	if [[ -n $world ]]; then
		blame_world "$part" "$text"
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
