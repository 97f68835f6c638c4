# The plan's nodes are named: take them by name, Slurm has an order of its own.
spare=()
for name in "${hosts[@]}"; do [[ " ${named_hosts[*]} " == *" $name "* ]] || spare+=("$name"); done
for n in "${!named_hosts[@]}"; do
	name=${named_hosts[n]}
	if [[ $name == '*' ]]; then
		named_hosts[n]=${spare[0]} spare=("${spare[@]:1}")
	elif [[ " ${hosts[*]} " != *" $name "* ]]; then
		fail "64 host $name is not in the job: ${hosts[*]}"
	fi
done
hosts=("${named_hosts[@]}")
