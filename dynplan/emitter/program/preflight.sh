# ---- in the preflight, on every node ----
# preflight: looks at this node, and tells what is wrong with it
preflight() {
	local file=${fact[job.dir]}/logs/.$SLURM_PROCID address='' name
	row=([rank]=$SLURM_PROCID)
	load :preflight
	if [[ -n $interface ]]; then
		preflight_address_on "$interface"
	else
		preflight_address
	fi
	preflight_gpus
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
	done
	# The last word: when all nodes have said it roles start, and need not wait for the end of this step.
	part=:preflight
	event node "$address"
} 2>/dev/null

# preflight_problem TEXT: ends the job before anything starts
preflight_problem() {
	event problem "preflight: $SLURMD_NODENAME: $1"
}

# preflight_gpus: tells whether the step shows the node's GPUs
preflight_gpus() {
	local name others=''
	find_gpus
	if ((shown_count >= gpus)); then
		return
	fi
	for name in "${gpu_variables[@]}"; do
		if [[ -z $shown && -n ${!name-} ]]; then
			others+="; it shows $name='${!name}': is cluster.gpu-vendor right?"
		fi
	done
	preflight_problem "the plan needs $gpus GPUs, the step shows $gpu_variable='$shown'$others"
}

# preflight_address: sets address, the one that this node's name stands for
preflight_address() {
	read -r address _ < <(getent ahostsv4 "$SLURMD_NODENAME")
	if [[ -z $address ]]; then
		preflight_problem 'the host name has no address'
	fi
}

# preflight_address_on INTERFACE: sets address, this node's address there. The kernel's tables hold the networks of an
# interface and, without their interfaces, the node's own addresses; both in the byte order of the machine
preflight_address_on() {
	local name network mask first second last=''
	local -a networks=()
	while read -r name network _ _ _ _ _ mask _; do
		if [[ $name == "$1" && $mask != 00000000 ]]; then
			networks+=("$network/$mask")
		fi
	done </proc/net/route
	# `|-- 10.0.0.7`, and below it `/32 host LOCAL` where the address is one of this node.
	while read -r first second network _; do
		if [[ $first == '|--' ]]; then
			last=$second
		elif [[ "$second $network" == 'host LOCAL' ]] && preflight_is_in "$last" "${networks[@]}"; then
			address=$last
		fi
	done </proc/net/fib_trie
	if [[ -z $address ]]; then
		preflight_problem "no IPv4 address on interface $1"
	fi
}

# preflight_is_in A.B.C.D NETWORK/MASK...: tells whether an address is in one of the networks
preflight_is_in() {
	local rest=$1. number=0 shift_by network
	for shift_by in 0 8 16 24; do
		number=$((number | ${rest%%.*} << shift_by))
		rest=${rest#*.}
	done
	for network in "${@:2}"; do
		if (((number & 16#${network#*/}) == 16#${network%/*})); then
			return 0
		fi
	done
	return 1
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
	find_tasks_on "$SLURM_PROCID"
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

# preflight_block ROLE NAME CELL TIME: the same for the ports in a cell
preflight_block() {
	local step=$((cell_steps[$3] * $4)) port
	for ((port = cell_lows[$3] + step; port <= cell_highs[$3] + step; port++)); do
		if [[ $taken == *" $port "* ]]; then
			preflight_problem "port $port ($2 of role $1) is taken"
		fi
	done
}
