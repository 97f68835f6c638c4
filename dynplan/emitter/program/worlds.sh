start_worlds() { # ROLE NODELIST
	local n count=${workers:-$tasks} each=$((tasks / ${workers:-$tasks})) names list
	IFS=, read -r -a names <<<"$2"
	for ((n = 0; n < count; n++)); do
		printf -v list ',%s' "${names[@]:n*each:each}"
		start_step "$1/$n" "${list#,}"
	done
}
