# ---- node groups: the components of a heterogeneous job ----
# Slurm keeps the nodes of each group as a component, a job of its own with its own list of nodes, and this script runs
# on the first node of component 0. A step has tasks of one component alone: one over several would give each line that
# srun reads to one of them, and not to all. So what runs in several is a step in each, PART/+COMPONENT.

# find_first COMPONENT: sets first, the number of the first task that a component has of the part that is loaded
find_first() {
	local index
	first=0
	for ((index = 0; index < $1; index++)); do
		first=$((first + tasks_in[index]))
	done
}

# find_component TASK: sets component to the one that has a task of the part that is loaded
find_component() {
	local index number=$1
	for index in "${!tasks_in[@]}"; do
		if ((number < tasks_in[index])); then
			component=$index
			return
		fi
		number=$((number - tasks_in[index]))
	done
}

# take_component PART: the rest of `load`: what differs between components, and of PART/+COMPONENT its tasks alone
take_component() {
	if [[ $1 == :* ]]; then
		tasks_in=("${component_nodes[@]}")
	fi
	if [[ $1 == */+* ]]; then
		component=${1##*+}
		workers=${workers:-$tasks}
		find_first "$component"
		tasks=${tasks_in[component]}
	elif [[ $1 == */* ]]; then
		find_component "$first"
	fi
	gpus=${component_gpus[component]}
	all_gpus=${component_shown[component]-}
	if declare -F take_affinity >/dev/null; then
		take_affinity
	fi
	srun+=("--het-group=$component")
}

# start_components PART: starts the part that is loaded, by a step in each component that has tasks of it
start_components() {
	local index at number=0 step
	local -a each=("${tasks_in[@]}") steps=() task_nodes task_names
	if ((${#each[@]} == 0)); then
		start_step "$1"
		return
	fi
	parts[$1]=yes
	if [[ $1 == :* ]]; then
		task_nodes=("${!hosts[@]}")
		task_names=("${task_nodes[@]/#/.}")
	else
		place_tasks
	fi
	for index in "${!each[@]}"; do
		if ((each[index] > 0)); then
			steps+=("$1/+$index")
		fi
		for ((at = 0; at < each[index]; at++, number++)); do
			step_of["$1/${task_names[number]}"]=$1/+$index
		done
	done
	for step in "${steps[@]}"; do
		start_step "$step"
	done
}

# list_components: sets hosts, the nodes of all components in their order, and component_at, the component of each,
# if they are as many as the plan's
list_components() {
	local index list name counted
	local -a found
	local -A seen=()
	if [[ ${SLURM_HET_SIZE:-1} != "${#component_names[@]}" ]]; then
		fail "64 the plan needs a heterogeneous job of ${#component_names[@]} components (${component_names[*]}), \
this one has ${SLURM_HET_SIZE:-1}"
	fi
	for index in "${!component_names[@]}"; do
		list=SLURM_JOB_NODELIST_HET_GROUP_$index
		mapfile -t found < <(scontrol show hostnames "${!list-}")
		if ((${#found[@]} != component_nodes[index])); then
			count_of "${component_nodes[index]}" node
			fail "64 the plan needs $counted of group ${component_names[index]}, \
component $index of the job has ${#found[@]}: ${found[*]}"
		fi
		for name in "${found[@]}"; do
			if [[ -n ${seen[$name]-} ]]; then
				fail "64 $name is a node of group ${seen[$name]} and of group ${component_names[index]}"
			fi
			seen[$name]=${component_names[index]}
			component_at[${#hosts[@]}]=$index
			hosts+=("$name")
		done
	done
}

# check_components: ends the job if a host that the job names is in another component than that of its node
check_components() {
	local node planned place
	local -A planned_at=()
	for node in "${!named_hosts[@]}"; do
		if [[ ${named_hosts[node]} != '*' ]]; then
			planned_at[${named_hosts[node]}]=${component_at[node]}
		fi
	done
	for node in "${!hosts[@]}"; do
		place=${component_at[node]}
		planned=${planned_at[${hosts[node]}]-$place}
		if [[ $planned != "$place" ]]; then
			fail "64 host ${hosts[node]} is planned in group ${component_names[planned]}, \
and the job has it in group ${component_names[place]}"
		fi
	done
}

# name_component COMPONENT: prints what people call it
name_component() {
	echo "group ${component_names[$1]}"
}

# name_component_of HOST: the same by one of its nodes
name_component_of() {
	local node
	for node in "${!hosts[@]}"; do
		if [[ ${hosts[node]} == "$1" ]]; then
			name_component "${component_at[node]}"
		fi
	done
}

# describe_node NODE: sets about, what plan.toml says of a node besides its name and address
describe_node() {
	local place=${component_at[$1]}
	about="gpus = ${component_gpus[place]}, group = \"${component_names[place]}\""
}
