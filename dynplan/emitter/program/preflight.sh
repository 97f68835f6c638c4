# ---- in the preflight, on every node ----
# preflight: looks at this node, and tells what is wrong with it
preflight() {
	local node node_gpus file address='' unnamed='' interface='' name detail tasks_here=0 node_group=''
	# It reads the rows of roles, and no command line.
	unset -v in_task
	load "$part"
	part=:preflight
	node=$((first + SLURM_PROCID))
	node_gpus=$gpus
	if [[ -n $component ]]; then
		node_group=" ($(name_component "$component"))"
	fi
	row=([rank]=$node)
	file=${fact[job.dir]}/logs/.$node
	preflight_address
	if declare -F preflight_interface >/dev/null; then
		preflight_interface
	fi
	if [[ -n ${domain_nodes[*]-} ]]; then
		preflight_domain
	fi
	preflight_gpus
	if declare -F preflight_affinity >/dev/null; then
		preflight_affinity /sys /proc
	fi
	set_limits
	if [[ -n $refused ]]; then
		preflight_problem "ulimit ${refused/=/ }: the hard limit is $(ulimit -H "${refused%%=*}")"
	fi
	if ! { echo >"$file" && rm -- "$file"; }; then
		preflight_problem "cannot write in ${file%/*}"
	fi
	if [[ -n $has_paths ]]; then
		for name in "${paths[@]}"; do
			if [[ ! -e $name ]]; then
				preflight_problem "$name is missing (an image or a mount)"
			fi
		done
	fi
	preflight_taken_ports
	for name in "${roles[@]}"; do
		preflight_ports "$name"
		if [[ -n $numa_bind ]]; then
			preflight_binding
		fi
		tasks_here=$((tasks_here + ${#numbers[@]}))
	done
	part=:preflight
	if [[ -n ${port_step-} ]]; then
		preflight_blocks
	fi
	preflight_cpus "$((tasks_here > node_gpus ? tasks_here : node_gpus))"
	detail=$address
	if [[ -n $unnamed$interface ]]; then
		detail+="=$unnamed=$interface"
	fi
	# The last word: when all nodes have said it roles start, and need not wait for the end of this step.
	event node "$detail"
} 2>/dev/null

# preflight_problem TEXT: ends the job before anything starts
preflight_problem() {
	event problem "preflight: $SLURMD_NODENAME$node_group: $1"
}

# preflight_gpus: tells whether the step shows the node's GPUs
preflight_gpus() {
	local name elsewhere=''
	find_gpus
	if ((shown_count >= gpus)); then
		return
	fi
	for name in "${gpu_variables[@]}"; do
		if [[ -z $shown && -n ${!name-} ]]; then
			elsewhere+="; it shows $name='${!name}': is cluster.gpu-vendor right?"
		fi
	done
	count_of "$gpus" GPU
	preflight_problem "the plan needs $counted, the step shows $gpu_variable='$shown'$elsewhere"
}

# preflight_address: sets address, the one that this node's name stands for, IPv4's if it has one; if the name
# has none, unnamed, and address to that of the node's own host name
preflight_address() {
	local name found
	read -r name </proc/sys/kernel/hostname
	for name in "$SLURMD_NODENAME" "$name"; do
		while read -r found _; do
			# A host name may well be a loopback address to itself, of which others have no use.
			if [[ -n $unnamed && $found == @(127.*|::1) || $found == fe80:* ]]; then
				continue
			fi
			if [[ -z $address || ($address == *:* && $found != *:*) ]]; then
				address=$found
			fi
		done < <(getent ahosts "$name")
		if [[ -n $address ]]; then
			return
		fi
		unnamed=nameless
	done
}

# preflight_cpus WANTED: warns where the step has fewer CPUs than GPUs or tasks, and the node has more
preflight_cpus() {
	local name list allowed online
	while read -r name list; do
		if [[ $name == Cpus_allowed_list: ]]; then
			break
		fi
	done <"/proc/$$/status"
	preflight_count allowed "$list"
	read -r list </sys/devices/system/cpu/online
	preflight_count online "$list"
	if ((allowed < $1 && allowed < online)); then
		event warning "preflight: $SLURMD_NODENAME: the job has $allowed of $online CPUs, for $1 GPUs or tasks: \
see exclusive and cpus-per-task"
	fi
}

# preflight_count NAME LIST: sets a variable to how many numbers a list has, `0-3,8` for example
preflight_count() {
	local -n counted=$1
	local range
	counted=0
	for range in ${2//,/ }; do
		counted=$((counted + ${range#*-} - ${range%-*} + 1))
	done
}

# preflight_taken_ports: sets taken, the ports on which somebody listens
preflight_taken_ports() {
	local file line port
	local -a lines
	taken=' '
	for file in /proc/net/tcp /proc/net/tcp6; do
		lines=()
		mapfile -t lines <"$file"
		for line in "${lines[@]}"; do
			# `0: ADDRESS:PORT ADDRESS:PORT STATE`; 0A is LISTEN.
			if [[ $line == *' 0A '* ]]; then
				port=${line#*:*:}
				port=${port%% *}
				taken+="$((16#$port)) "
			fi
		done
	done
}

# preflight_ports ROLE: tells which ports of the role's tasks on this node are taken
preflight_ports() {
	local number cell index name
	part=$1
	load "$1"
	find_tasks_on "$node"
	for number in "${numbers[@]}"; do
		find_group "$number"
		index=$((group_rows[group] + (number - group_first) % group_size))
		split_row "$index"
		for ((cell = cells_begin[index]; cell < cells_end[index]; cell++)); do
			name=${cell_names[cell]#port.}
			if [[ ${cell_names[cell]} == port.* && " ${unprobed[*]} " != *" $name "* ]]; then
				preflight_block "$1" "$name" "$cell" "$(((number - group_first) / group_size))"
			fi
		done
	done
}

# preflight_block ROLE NAME CELL TIME: the same for the ports in a cell. Those that move are looked at later
preflight_block() {
	local step=$((cell_steps[$3] * $4)) port
	for ((port = cell_lows[$3] + step; port <= cell_highs[$3] + step; port++)); do
		if [[ ${cell_lows[$3]} == port_offset* ]]; then
			preflight_planned "$port" "$1/$2"
		elif [[ $taken == *" $port "* ]]; then
			preflight_problem "port $port ($2 of role $1) is taken"
			# Roles that have it in turns would say so again.
			taken=${taken/" $port "/ }
		fi
	done
}
