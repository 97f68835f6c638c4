# ==== dynplan's program ====
# Each role is one srun step. Its tasks run the workers and tell this script what happens, a
# line per event, by srun's stdout; commands come by srun's stdin.
#
# Exit codes: 0 all done, else the failed phase's (124: it took too long); 64 the allocation is
# not the plan's; 65 preflight, or a step without its GPUs; 70 a critical process ended; 71 not ready
# in time; 72 fail-on-log; 73 not alive; 74 output directory; 75 time limit near; 76 node or step lost, or
# a step that does not start; 130 INT, 143 TERM, and so on for any other signal.
#
# What parts share: `row` holds the plan's facts of one task by their names, `fact` those of the
# job. `hosts`, `addresses` and `links`, their interfaces, are the nodes by their numbers in the plan, as far as
# they are known; `nameless` are those whose host names have no address. `now` is the time that limits count
# in: see look_at_clock.

# ---- everywhere: the plan ----
# look_at_clock: sets now, in seconds since this node's start. SECONDS follows the wall clock, and that may be
# set at any time (bash takes it from gettimeofday(2), /proc/uptime is CLOCK_BOOTTIME)
look_at_clock() {
	if ! { read -r now _ </proc/uptime; } 2>/dev/null; then
		now=$SECONDS
	fi
	now=${now%%.*}
}

# count_of NUMBER NOUN: sets counted: `1 task`, `2 tasks`
count_of() {
	counted="$1 $2"
	if (($1 != 1)); then
		counted+=s
	fi
}

# load PART: calls the functions above for a role, ROLE/WORKER, phase:NAME or :preflight, PART/+COMPONENT of a
# heterogeneous job; sets what they assign, and to what stands here what they leave out
load() {
	kind=service
	tasks=1
	workers=''
	first=0
	after=()
	shares=()
	until=()
	regained=()
	starter=start_step
	runner=run
	restarts=0
	restart_delay=0
	stagger=''
	critical=yes
	stop_signal=TERM
	grace=30
	alive=''
	unprobed=()
	numa_bind=''
	fail_on_log=''
	metrics=''
	lists=()
	timeout=0
	go_on=''
	health_check=''
	job_setup=()
	own_setup=''
	setup=()
	after_command=()
	leader_args=()
	follower_args=()
	command=()
	env=()
	srun=()
	site_srun=()
	workdir=''
	limits=(-n=hard)
	paths=()
	world=''
	hint=''
	launch_timeout=600
	component=''
	unset -v domain_nodes port_step
	mask=''
	from_env=()
	all_gpus=''
	gpu_variable=CUDA_VISIBLE_DEVICES
	gpu_variables=(CUDA_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES HIP_VISIBLE_DEVICES ZE_AFFINITY_MASK GPU_DEVICE_ORDINAL)
	has_log=''
	has_paths=''
	has_followers=''
	probe_first=()
	probe_size=()
	probe_words=()
	# What ports are higher than in the plan.
	port_offset=${fact[offset]-0}
	forget_rows
	job
	case ${1%/+*} in
	:*)
		tasks=$nodes
		srun=("${site_srun[@]}")
		;;
	phase:*)
		kind=phase
		"phase_${1#phase:}"
		;;
	*/*)
		"role_${1%/*}"
		only_worker "${1#*/}"
		;;
	*)
		"role_${1%/+*}"
		;;
	esac
	if [[ -n $component ]]; then
		take_component "$1"
	fi
}

# probe WHEN LIMIT KIND WORD...: adds a probe to the part
probe() {
	probe_first+=("${#probe_words[@]}")
	probe_size+=("$#")
	probe_words+=("$@")
}

# get_probe INDEX: sets words to the WHEN LIMIT KIND WORD... of a probe, filled
get_probe() {
	fill_all "${probe_words[@]:probe_first[$1]:probe_size[$1]}"
}

# task NAME=NUMBER...: adds a row to the group of rows that is the last one
task() {
	rows+=("$*")
}

# times COUNT NAME=STEP...: begins a group. Its rows come COUNT times; from one time to the next each
# NAME is its STEP higher
times() {
	group_times+=("$1")
	group_steps+=(" ${*:2} ")
	group_rows+=("${#rows[@]}")
}

# forget_rows: empties what `task` and `times` fill, and what is kept of it below
forget_rows() {
	rows=()
	group_times=(1)
	group_steps=('')
	group_rows=(0)
	group=0
	group_first=0
	cells_begin=()
	cells_end=()
	cell_names=()
	cell_lows=()
	cell_highs=()
	cell_steps=()
}

# find_group TASK: sets group to the one that a task is of, group_first to the number of the first
# task of it, group_size to the number of its rows
find_group() {
	local next
	if (($1 < group_first)); then
		group=0
		group_first=0
	fi
	while true; do
		next=${group_rows[group + 1]-${#rows[@]}}
		group_size=$((next - group_rows[group]))
		if (($1 < group_first + group_times[group] * group_size || next == ${#rows[@]})); then
			return
		fi
		group_first=$((group_first + group_times[group] * group_size))
		group=$((group + 1))
	done
}

# get_cell ROW NAME: sets low and step, a number of a row of `group` and how much higher it is each time
get_cell() {
	local text=" ${rows[$1]} " steps=${group_steps[group]}
	low=0
	step=0
	if [[ $text == *" $2="* ]]; then
		low=${text#*" $2="}
		low=${low%% *}
	fi
	if [[ $steps == *" $2="* ]]; then
		step=${steps#*" $2="}
		step=${step%% *}
	fi
}

# split_row ROW: keeps the cells of a row of `group`: cell_names and so on, from cells_begin[ROW] on
split_row() {
	local cell name numbers low step
	if [[ -n ${cells_begin[$1]-} ]]; then
		return
	fi
	cells_begin[$1]=${#cell_names[@]}
	for cell in ${rows[$1]}; do
		name=${cell%%=*}
		numbers=${cell#*=}
		get_cell "$1" "$name"
		cell_names+=("$name")
		cell_steps+=("$step")
		case $name in
		gpus | *port.*)
			cell_lows+=("${numbers%-*}")
			cell_highs+=("${numbers#*-}")
			;;
		*)
			cell_lows+=("$numbers")
			cell_highs+=("$numbers")
			;;
		esac
	done
	cells_end[$1]=${#cell_names[@]}
}

# find_task TASK: sets row, by the number of a task in the part that is loaded
find_task() {
	local index repetition cell name high number
	find_group "$1"
	repetition=$((($1 - group_first) / group_size))
	index=$((group_rows[group] + ($1 - group_first) % group_size))
	split_row "$index"
	row=([rank]=0 ["num-tasks"]=1 ["num-workers"]=${workers:-$tasks} [gpus]='' ["gpu-count"]=0)
	for ((cell = cells_begin[index]; cell < cells_end[index]; cell++)); do
		name=${cell_names[cell]}
		number=$((cell_lows[cell] + cell_steps[cell] * repetition))
		row[$name]=$number
		case $name in
		*port.*)
			row[$name.last]=$((cell_highs[cell] + cell_steps[cell] * repetition))
			;;
		gpus)
			high=$((cell_highs[cell] + cell_steps[cell] * repetition))
			row["gpu-count"]=$((high - number + 1))
			while ((number < high)); do
				number=$((number + 1))
				row[gpus]+=,$number
			done
			;;
		esac
	done
	find_node "${row[node]}"
	row[host]=${hosts[${row[node]}]}
	row[ip]=${addresses[${row[node]}]-}
	if [[ -n ${links[${row[node]}]-} ]]; then
		row[interface]=${links[${row[node]}]}
	fi
}

# find_tasks_on NODE: sets numbers, by solving for the repetition in which each row is on a node: however
# many tasks a part has, this looks at its rows alone
find_tasks_on() {
	local start=0 index low step repetition
	local -a found=()
	while true; do
		find_group "$start"
		for ((index = group_rows[group]; index < group_rows[group] + group_size; index++)); do
			get_cell "$index" node
			if ((step == 0 && low == $1)); then
				for ((repetition = 0; repetition < group_times[group]; repetition++)); do
					found[group_first + repetition * group_size + index - group_rows[group]]=yes
				done
			elif ((step != 0 && ($1 - low) % step == 0)); then
				repetition=$((($1 - low) / step))
				if ((repetition >= 0 && repetition < group_times[group])); then
					found[group_first + repetition * group_size + index - group_rows[group]]=yes
				fi
			fi
		done
		if ((group == ${#group_rows[@]} - 1)); then
			break
		fi
		start=$((group_first + group_times[group] * group_size))
		group_first=$start
		group=$((group + 1))
	done
	numbers=("${!found[@]}")
}

# find_node NODE: sets hosts[NODE] and so on. A task is told of all nodes in one string, node_list,
# `HOST=ADDRESS[=NAMELESS=INTERFACE]` and blanks up to node_width for each: bash takes 10 ms to read an array of a thousand, and
# as long to search in so long a string
find_node() {
	local entry
	if [[ -z ${hosts[$1]-} ]]; then
		entry=${node_list:$1*node_width:node_width}
		entry=${entry%% *}
		hosts[$1]=${entry%%=*}
		set_node "$1" "${entry#*=}"
	fi
}

# set_node NODE ADDRESS[=NAMELESS=INTERFACE]: sets addresses[NODE], nameless[NODE] and links[NODE]
set_node() {
	local rest=$2==
	addresses[$1]=${rest%%=*}
	rest=${rest#*=}
	nameless[$1]=${rest%%=*}
	rest=${rest#*=}
	links[$1]=${rest%==}
}

# get_value NAME: sets value to what a placeholder stands for; fails where it stands for nothing
get_value() {
	if [[ -n ${row[$1]+x} ]]; then
		value=${row[$1]}
	elif [[ -n ${fact[$1]+x} ]]; then
		value=${fact[$1]}
	elif [[ $1 == @(numa|nics) ]]; then
		find_affinity
		value=${row[$1]}
	elif [[ $1 == at.[0-9]* ]]; then
		value=$((${1#at.} + port_offset))
	elif [[ $1 == from-env.* ]]; then
		get_submitted "${1#from-env.}"
	else
		get_place "$1"
	fi
}

# get_place WHAT|leader.WHAT|WHAT.NODE: sets value to what is known of the task's node, its leader's or another
get_place() {
	local what=${1#leader.} node=${row[node]-}
	case $1 in
	*.[0-9]*) node=${what#*.} ;;
	leader.*) node=${row[leader]-} ;;
	esac
	if [[ ${what%%.*} != @(host|ip|url-host|url-ip) || -z $node || $node == *[!0-9]* || ${#node} -gt 9 ]]; then
		return 1
	fi
	find_node "$node"
	value=${addresses[$node]-}
	# In a URL an IPv6 address has brackets (RFC 3986, 3.2.2).
	if [[ $what == url-* && $value == *:* ]]; then
		value=[$value]
	fi
	if [[ $what == host* || ($what == url-host* && -z ${nameless[$node]-}) ]]; then
		value=${hosts[$node]-}
	fi
	[[ -n ${hosts[$node]-} ]]
}

# get_submitted NAME: sets value to a variable of the submitter's environment; fails where there is none
get_submitted() {
	local setting
	for setting in "${own[@]}"; do
		if [[ ${setting%%=*} == "$1" ]]; then
			value=${setting#*=}
			return
		fi
	done
	# Such names are the program's own by now: see `hide`.
	if [[ $1 == [a-z]* ]]; then
		return 1
	fi
	value=${!1-}
	[[ -n ${!1+x} ]]
}

# fill TEMPLATE: sets filled; a value is not looked at again
fill() {
	local rest=$1 before name
	filled=''
	while [[ $rest == *'{'* ]]; do
		before=${rest%%'{'*}
		filled+=$before
		rest=${rest:${#before}+1}
		name=${rest%%'}'*}
		if [[ $rest == [a-z]*'}'* ]] && get_value "$name"; then
			filled+=$value
			rest=${rest:${#name}+1}
		else
			filled+='{'
		fi
	done
	filled+=$rest
}

# fill_all TEMPLATE...: sets words
fill_all() {
	local template
	words=()
	for template; do
		fill "$template"
		words+=("$filled")
	done
}
