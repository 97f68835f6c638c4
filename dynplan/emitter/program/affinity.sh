# ---- in a task, and in the preflight: where GPUs are attached ----
# take_affinity: sets gpu_numa and gpu_nics to those of the component that is loaded
take_affinity() {
	IFS=, read -r -a gpu_numa <<<"${component_numa[component]-}"
	IFS=/ read -r -a gpu_nics <<<"${component_nics[component]-}"
}

# find_affinity: adds to row numa and nics, the NUMA nodes of the task's GPUs and the network adapters near them, each
# once, as far as the cluster says them
find_affinity() {
	local gpu name numa='' nics=''
	for gpu in ${row[gpus]//,/ }; do
		name=${gpu_numa[gpu]-}
		if [[ -n $name && ,$numa, != *,$name,* ]]; then
			numa+=${numa:+,}$name
		fi
		for name in ${gpu_nics[gpu]//,/ }; do
			if [[ ,$nics, != *,$name,* ]]; then
				nics+=${nics:+,}$name
			fi
		done
	done
	if ((${#gpu_numa[@]} > 0)); then
		row[numa]=$numa
	fi
	if ((${#gpu_nics[@]} > 0)); then
		row[nics]=$nics
	fi
}

# bind_numa: sets binding, the words that bind the worker to CPUs and memory of row[numa]; fails where that cannot be
bind_numa() {
	local fault='' usable='' weak=''
	find_cpus "${row[numa]}" /sys "/proc/$$/status"
	if [[ -z $fault && -n $usable ]]; then
		find_tool "${row[numa]}"
	fi
	if [[ -n $fault ]]; then
		event failed "65 $who: $fault (numa-bind)"
		return 1
	fi
	echo "dynplan: bound to NUMA node ${row[numa]}: ${binding[*]:-no, as /sys does not say its CPUs}" >>"$log"
}

# find_cpus NODES SYS STATUS: sets usable, the CPUs of NUMA nodes, `0,1`, on which this process may run, or
# fault, why there are none. On a node that does not say its NUMA nodes neither
find_cpus() {
	local name list node cpu cpus mine='' memory='' numbers
	usable=''
	while read -r name list; do
		case $name in
		Cpus_allowed_list:) mine=$list ;;
		Mems_allowed_list:) memory=$list ;;
		esac
	done <"$3"
	if [[ ! -d $2/devices/system/node ]]; then
		return
	fi
	for node in ${1//,/ }; do
		list=''
		if [[ -e $2/devices/system/node/node$node/cpulist ]]; then
			read -r list <"$2/devices/system/node/node$node/cpulist"
		fi
		spread "$memory"
		if [[ -z $list ]]; then
			fault="there is no NUMA node $node with CPUs"
		elif [[ -n $memory && $numbers != *" $node "* ]]; then
			fault="memory of NUMA node $node is not the job's, which has that of $memory"
		fi
		spread "$mine"
		cpus=$numbers
		spread "$list"
		for cpu in $numbers; do
			if [[ $cpus == *" $cpu "* ]]; then
				usable+=,$cpu
			fi
		done
		if [[ -z $fault && -z $usable ]]; then
			fault="none of the CPUs of NUMA node $node ($list) is the job's, which has $mine"
		fi
	done
	usable=${usable#,}
}

# spread LIST: sets numbers, all of a list such as `0-3,8`, with a blank around each
spread() {
	local range number
	numbers=' '
	for range in ${1//,/ }; do
		for ((number = ${range%-*}; number <= ${range#*-}; number++)); do
			numbers+="$number "
		done
	done
}

# find_tool NODES: sets binding, by the CPUs in usable, and weak, what it does not bind; or fault
find_tool() {
	local tool
	weak=''
	binding=()
	if tool=$(type -P numactl); then
		binding=("$tool" "--physcpubind=$usable" "--membind=$1")
	elif tool=$(type -P taskset); then
		weak='numactl is missing: taskset binds to CPUs alone, and memory stays where it is first touched'
		binding=("$tool" -c "$usable")
	else
		fault='neither numactl nor taskset is there'
	fi
}

# preflight_binding: tells where tasks of the role that is loaded cannot be bound on this node; `numbers` are those on it
preflight_binding() {
	local role=$part number numa fault usable weak='' seen=' '
	local -a binding
	part=:preflight
	for number in "${numbers[@]}"; do
		find_task "$number"
		find_affinity
		numa=${row[numa]}
		row=([rank]=$node)
		if [[ $seen == *" $numa "* ]]; then
			continue
		fi
		seen+="$numa "
		fault=''
		find_cpus "$numa" /sys "/proc/$$/status"
		# What is in an image only a task can see.
		if [[ -z $fault && -n $usable && $numa_bind == node ]]; then
			find_tool "$numa"
		fi
		if [[ -n $fault ]]; then
			preflight_problem "role $role: $fault (numa-bind)"
		fi
	done
	if [[ -n $weak ]]; then
		event warning "preflight: $SLURMD_NODENAME: role $role: $weak"
	fi
}

# preflight_affinity SYS PROC: tells where the cluster file and the node do not agree. What a node does not say is no
# fault
preflight_affinity() {
	part=:preflight
	if [[ -d $1/devices/system/node ]]; then
		preflight_numa_nodes "$1"
	fi
	if [[ -d $1/class/infiniband ]]; then
		preflight_adapters "$1"
	fi
	if ((${#gpu_numa[@]} > 0)); then
		preflight_gpu_places "$1" "$2"
	fi
}

# preflight_numa_nodes SYS: whether the NUMA nodes of gpu-numa are there
preflight_numa_nodes() {
	local gpu place there='' lacking=''
	for gpu in "${!gpu_numa[@]}"; do
		if [[ ! -d $1/devices/system/node/node${gpu_numa[gpu]} ]]; then
			lacking+=", GPU $gpu on NUMA node ${gpu_numa[gpu]}"
		fi
	done
	for place in "$1"/devices/system/node/node[0-9]*; do
		there+=", ${place##*/node}"
	done
	if [[ -n $lacking ]]; then
		preflight_problem "the cluster's gpu-numa has ${lacking#, }; the node has NUMA nodes ${there#, }"
	fi
}

# preflight_adapters SYS: whether the network adapters of gpu-nics are there
preflight_adapters() {
	local gpu name place there='' seen=' '
	for place in "$1"/class/infiniband/*; do
		if [[ -e $place ]]; then
			there+=", ${place##*/}"
		fi
	done
	there=${there:-, none}
	for gpu in "${!gpu_nics[@]}"; do
		for name in ${gpu_nics[gpu]//,/ }; do
			name=${name%%:*}
			if [[ $seen != *" $name "* && ! -e $1/class/infiniband/$name && ! -e $1/class/net/$name ]]; then
				preflight_problem "the cluster's gpu-nics has $name at GPU $gpu; the node has ${there#, }"
			fi
			seen+="$name "
		done
	done
}

# preflight_gpu_places SYS PROC: whether GPUs are on the NUMA nodes of gpu-numa: those of NVIDIA, by the order of their
# addresses, where the job has all of the node
preflight_gpu_places() {
	local place address gpu=0 node
	local -a cards=("$2"/driver/nvidia/gpus/*)
	if ((${#cards[@]} != shown_count || shown_count != ${#gpu_numa[@]})) || [[ ! -d ${cards[0]} ]]; then
		return
	fi
	for place in "${cards[@]}"; do
		address=${place##*/}
		node=-1
		if [[ -e $1/bus/pci/devices/$address/numa_node ]]; then
			read -r node <"$1/bus/pci/devices/$address/numa_node"
		fi
		# -1 where the firmware does not say it.
		if ((node >= 0 && node != gpu_numa[gpu])); then
			preflight_problem "GPU $gpu ($address) is on NUMA node $node, and the cluster's gpu-numa has it on ${gpu_numa[gpu]}"
		fi
		gpu=$((gpu + 1))
	done
}
