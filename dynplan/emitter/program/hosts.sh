# ---- named hosts ----
# choose_hosts: sets hosts in the plan's order, as its nodes are named and Slurm has an order of its own
choose_hosts() {
	local name node
	local -a spare=()
	if [[ -n $component ]]; then
		check_components
	fi
	for name in "${hosts[@]}"; do
		if [[ " ${named_hosts[*]} " != *" $name "* ]]; then
			spare+=("$name")
		fi
	done
	for node in "${!named_hosts[@]}"; do
		name=${named_hosts[node]}
		if [[ $name == '*' ]]; then
			named_hosts[node]=${spare[0]}
			spare=("${spare[@]:1}")
		elif [[ " ${hosts[*]} " != *" $name "* ]]; then
			fail "64 host $name is not in the job: ${hosts[*]}"
		fi
	done
	hosts=("${named_hosts[@]}")
}
