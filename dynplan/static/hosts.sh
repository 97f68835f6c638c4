map_hosts() { # the plan's nodes are named: take them by name, Slurm has an order of its own
	local n name spare=()
	for name in "${hosts[@]}"; do [[ " ${named_hosts[*]} " == *" $name "* ]] || spare+=("$name"); done
	for n in "${!named_hosts[@]}"; do
		name=${named_hosts[n]}
		if [[ $name == '*' ]]; then
			name=${spare[0]} spare=("${spare[@]:1}")
		elif [[ " ${hosts[*]} " != *" $name "* ]]; then
			fail "64 host $name is not in the job: ${hosts[*]}"
		fi
		named_hosts[n]=$name
	done
	hosts=("${named_hosts[@]}")
}
