# ---- named hosts ----
# choose_hosts: sets hosts in the plan's order: as domains need them, and as they are named
choose_hosts() {
	if [[ -n ${domain_nodes[*]-} ]]; then
		find_blocks
	fi
	if [[ -n ${domain_nodes[*]-} && -n $block_kind ]]; then
		group_hosts
	fi
	if [[ ${named_hosts[*]} != '*' ]]; then
		take_named
	fi
	if [[ -n ${domain_nodes[*]-} ]]; then
		check_blocks
	fi
}

# take_named: sets hosts as the plan's nodes are named, as Slurm has an order of its own
take_named() {
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
