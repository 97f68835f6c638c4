# ---- in a task: words that stand once for every worker of another role ----
each() { # ARRAY ROLE TEMPLATE...
	local -n words_of=$1
	[[ " ${FUNCNAME[*]} " == *' load wrap '* && " ${FUNCNAME[*]} " != *' repeat_words '* ]] || return 0
	mapfile -d '' -t words < <(repeat_words "${@:2}")
	words_of+=("${words[@]}")
}
repeat_words() { # ROLE TEMPLATE...: with {it.NAME} filled, a NUL after each
	local n name
	local -A it
	load "$1"
	for ((n = 0; n < tasks; n++)); do
		find_task "$n"
		((row[rank] == 0)) || continue
		it=()
		for name in "${!row[@]}"; do
			it[it.$name]=${row[$name]}
			it[it.url.${name#port.}]=http://${row[host]}:${row[$name]}
			it[it.endpoint.${name#port.}]=${row[host]}:${row[$name]}
		done
		fill_it "${@:2}"
	done
}
fill_it() { # TEMPLATE...: other placeholders stay for later
	local name
	local -A row=() fact=()
	for name in "${!it[@]}"; do row[$name]=${it[$name]}; done
	fill_all "$@"
	printf '%s\0' "${words[@]}"
}
