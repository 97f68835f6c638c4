# ---- NVLink domains: blocks of Slurm's topology ----
known_events[block]=yes
nodes_tell=''

# find_blocks: sets block_of, the block that a node is in, and block_kind. Where Slurm has no blocks (topology/block,
# since 23.11) it is the switch that a node hangs on, and where it has no switches block_kind is empty
find_blocks() {
	local line name word kind members joined
	local -a listed=()
	declare -gA block_of=()
	block_kind=''
	while read -r line; do
		case $line in
		BlockName=*) kind=blocks ;;
		SwitchName=*' Level=0 '*) kind=switches ;;
		*) continue ;;
		esac
		if [[ $kind != "$block_kind" ]]; then
			if [[ $block_kind == blocks ]]; then
				continue
			fi
			block_kind=$kind
			listed=()
		fi
		name=${line#*=}
		members=${line#* Nodes=}
		if [[ $members != "$line" ]]; then
			listed+=("=${name%% *}" "${members%% *}")
		fi
	done < <(scontrol show topology)
	if ((${#listed[@]} == 0)); then
		return
	fi
	join "${listed[@]}"
	while read -r word; do
		if [[ $word == =* ]]; then
			name=${word#=}
		else
			block_of[$word]=$name
		fi
	done < <(scontrol show hostnames "$joined")
}

# on_block: notes the block that a node says it is in, where scontrol has told none
on_block() {
	# Later only a worker would say so.
	if [[ $event_part == :preflight && -n $nodes_tell && $event_detail == @(blocks|switches)=* ]]; then
		block_kind=${event_detail%%=*}
		block_of[$event_node]=${event_detail#*=}
	fi
}

# group_hosts: orders hosts by block, those of each component that has domains apart
group_hosts() {
	local index count first=0
	for index in "${!domain_nodes[@]}"; do
		count=${component_nodes[index]-$nodes}
		if [[ -n ${domain_nodes[index]} ]]; then
			sort_by_block "$first" "$count"
		fi
		first=$((first + count))
	done
}

# sort_by_block FIRST COUNT: orders so many hosts, the block with most of them in front: Slurm lists nodes by their
# names, and the plan counts on those of a block in a row. Blocks with as many, and nodes of a block, stay in Slurm's
# order
sort_by_block() {
	local name block size
	local -a order=() grouped=() by_size=() of_size
	local -A members=() sizes=()
	for name in "${hosts[@]:$1:$2}"; do
		block=${block_of[$name]-none}
		if [[ -z ${sizes[$block]-} ]]; then
			order+=("$block")
		fi
		sizes[$block]=$((${sizes[$block]-0} + 1))
		members[$block]+="$name "
	done
	for block in "${order[@]}"; do
		size=$(($2 - ${sizes[$block]}))
		by_size[size]+=${members[$block]}
	done
	for size in "${!by_size[@]}"; do
		read -r -a of_size <<<"${by_size[size]}"
		grouped+=("${of_size[@]}")
	done
	hosts=("${hosts[@]:0:$1}" "${grouped[@]}" "${hosts[@]:$1+$2}")
}

# check_told_blocks: the same as check_blocks where scontrol has told nothing, by what the nodes have said of themselves
check_told_blocks() {
	if [[ -z $nodes_tell ]]; then
		return
	fi
	nodes_tell=''
	if [[ -z $block_kind ]]; then
		say "Slurm tells no blocks of nodes (scontrol show topology): whether workers cross domains is not known"
		return
	fi
	check_blocks
	load :preflight
}

# check_blocks: tells which workers are in more blocks than they need, and adds them to problems, which end the job in its
# preflight; what a switch connects need not be a domain, and ends none. Where scontrol has told nothing
# it waits for what the nodes say
check_blocks() {
	local role number worker text
	local -a task_nodes task_names crossing=() nodes_of=()
	if [[ -z $block_kind ]]; then
		nodes_tell=yes
		return
	fi
	for role in "${roles[@]}"; do
		load "$role"
		# The workers of a role without `workers` have one task each.
		if ((${#shares[@]} > 0)) || [[ -z $workers || -z ${domain_nodes[component]} ]]; then
			continue
		fi
		place_tasks
		worker=0
		nodes_of=()
		for number in "${!task_nodes[@]}"; do
			if [[ ${task_names[number]%.*} != "$worker" ]]; then
				check_worker
				worker=${task_names[number]%.*}
				nodes_of=()
			fi
			nodes_of[task_nodes[number]]=yes
		done
		check_worker
	done
	for text in "${crossing[@]}"; do
		say "preflight: $text"
		if [[ $block_kind == blocks ]]; then
			problems+=("preflight: $text")
		fi
	done
}

# check_worker: adds a worker to crossing, if it is in more blocks than its nodes in nodes_of need
check_worker() {
	local node block needed domain=${domain_nodes[component]} where='' last=''
	local -A crossed=()
	for node in "${!nodes_of[@]}"; do
		crossed[${block_of[${hosts[node]}]-none}]=yes
	done
	needed=$(((${#nodes_of[@]} + domain - 1) / domain))
	if ((${#crossed[@]} <= needed)); then
		return
	fi
	for node in "${!nodes_of[@]}"; do
		block=${block_of[${hosts[node]}]-none}
		if [[ -n $last && $block != "$last" ]]; then
			where+=" in $last"
		fi
		where+=", ${hosts[node]}"
		last=$block
	done
	crossing+=("worker $worker of role $role is in ${#crossed[@]} $block_kind, and $needed of $domain nodes would hold it: \
${where#, } in $last")
}
