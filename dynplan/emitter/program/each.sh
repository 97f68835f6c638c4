# ---- in a task: words that stand once for every worker of another role ----
# each ARRAY ROLE TEMPLATE...: adds the templates to an array, once for every worker of a role; only a
# task needs them
each() {
	local -n array=$1
	if [[ -n ${in_task-} ]]; then
		mapfile -d '' -t words < <(repeat_words "${@:2}")
		array+=("${words[@]}")
	fi
}

# repeat_words ROLE TEMPLATE...: prints the templates with {it.NAME} filled, a NUL after each
repeat_words() {
	local number name port value
	local -A it
	in_task=''
	load "$1"
	for ((number = 0; number < tasks; number++)); do
		find_task "$number"
		if ((row[rank] != 0)); then
			continue
		fi
		it=()
		get_value url-host
		for name in "${!row[@]}"; do
			port=${name#port.}
			it[it.$name]=${row[$name]}
			it[it.url.$port]=http://$value:${row[$name]}
			it[it.endpoint.$port]=$value:${row[$name]}
		done
		print_filled "${@:2}"
	done
}

# print_filled TEMPLATE...: prints them, by the names in `it` alone: other placeholders stay for later
print_filled() {
	local name node_list=''
	local -A row=() fact=()
	local -a hosts=() addresses=() nameless=() links=()
	for name in "${!it[@]}"; do
		row[$name]=${it[$name]}
	done
	fill_all "$@"
	printf '%s\0' "${words[@]}"
}
