# ---- records ----
# start_records: writes what tells where everything runs, in a process beside the job
start_records() {
	(
		write_records
		code=$?
		# To be noticed at once.
		echo >&"$events"
		exit "$code"
	) &
	records=$!
}

# write_records: writes plan.toml, endpoints.json and prometheus.json to .records, and then puts them
# where they belong, whole
write_records() {
	# By bytes, for `json_text`.
	local folder=$dir/.records
	# A job that is told to end waits for its records.
	trap '' TERM INT USR1 HUP QUIT USR2 ALRM XCPU XFSZ VTALRM PROF
	mkdir -p -- "$folder" || return
	write_plan 3>"$folder/plan.toml" 4>"$folder/endpoints.json" 5>"$folder/prometheus.json" || return
	mv -- "$folder"/* "$dir" || return
	rmdir -- "$folder"
}

# write_plan: writes plan.toml to 3, endpoints.json to 4 and prometheus.json to 5
write_plan() {
	local node role number quoted about comma='' metrics_comma='' port_names
	local -a quoted_hosts quoted_addresses
	local -A names_of
	json_text "$SLURM_JOB_ID"
	printf 'schema = 1\njob = { name = %s, id = %s, digest = "%s"%s }\nnodes = [\n' \
		"$quoted_name" "$quoted" "$digest" "${fact[offset]:+, port-shift = ${fact[offset]}}" >&3
	printf '{"job": {"name": %s, "id": %s}, "roles": {\n' "$quoted_name" "$quoted" >&4
	printf '[' >&5
	for node in "${!hosts[@]}"; do
		json_text "${hosts[node]}"
		quoted_hosts[node]=$quoted
		json_text "${addresses[node]}"
		quoted_addresses[node]=$quoted
		about="gpus = $gpus"
		if [[ -n $component ]]; then
			describe_node "$node"
		fi
		echo "  { node = $node, host = ${quoted_hosts[node]}, ip = $quoted, $about }," >&3
	done
	write_expected >&3
	for role in "${roles[@]}"; do
		load "$role"
		echo "${comma:+], }\"$role\": [" >&4
		comma=''
		names_of=()
		for ((number = 0; number < tasks; number++)); do
			find_task "$number"
			write_task || return
		done
	done
	echo ']' >&3 && echo ']}}' >&4 && echo ']' >&5
}

# write_expected: writes how many tasks each role has, for which roles it waits, and how many seconds they and the
# phases may take, 0 where there is no limit: `dynplan status` counts with it
write_expected() {
	local role name index most earlier
	printf ']\nexpected = [\n'
	for role in "${roles[@]}"; do
		load "$role"
		most=0
		earlier=''
		for index in "${probe_first[@]}"; do
			if [[ ${probe_words[index]} == *ready ]] && ((${probe_words[index + 1]} > most)); then
				most=${probe_words[index + 1]}
			fi
		done
		if ((${#after[@]} > 0)); then
			printf -v earlier '"%s", ' "${after[@]}"
		fi
		echo "  { role = \"$role\", tasks = $tasks, ready-timeout = $most, after = [${earlier%, }] },"
	done
	for name in "${phases[@]}"; do
		load "phase:$name"
		echo "  { phase = \"$name\", timeout = $timeout },"
	done
}

# write_task: writes what is in row, and for the first task of a worker what is the worker's
write_task() {
	local url='' ports='' counts='' line name port last place list
	local beside=${shares[0]:+", \"shares\": \"${shares[0]}\""}
	if ((row[rank] == 0)); then
		if [[ -n $metrics ]]; then
			fill "$metrics"
			url=$filled
			write_metrics
		fi
		printf ']\n\n[[workers]]\nrole = "%s"\nworker = %s\n' "$role" "${row[worker]}" >&3
		if ((${#shares[@]} > 0)); then
			echo "shares = \"${shares[0]}\"" >&3
		fi
		if ((${#until[@]} > 0)); then
			printf -v list '"%s", ' "${until[@]}"
			echo "until = [${list%, }]" >&3
		fi
		echo 'tasks = [' >&3
	fi
	# A task for each GPU: what the plan says of their node is said once.
	if ((row["local-rank"] > 0)); then
		return
	fi
	list_port_names
	for name in $port_names; do
		port=${row[port.$name]}
		last=${row[port.$name.last]}
		ports+=", \"$name\": $port"
		counts+=", $name = { port = $port, count = $((last - port + 1)) }"
	done
	line="\"rank\": ${row["node-rank"]-${row[rank]}}, \"node\": ${row[node]}, \"gpus\": [${row[gpus]}]"
	echo "  { ${line//\":/\" =}, ports = {${counts#,} } }," >&3
	json_text "$url"
	place="\"host\": ${quoted_hosts[${row[node]}]}, \"ip\": ${quoted_addresses[${row[node]}]}"
	ports="\"ports\": {${ports#, }}"
	echo "  $comma{\"worker\": ${row[worker]}, $line, $place, $ports, \"metrics\": $quoted$beside}" >&4 || return
	comma=,
}

# list_port_names: sets port_names, in the order in which bash keeps them. To go through all of row for
# each task would take most of the time: names_of keeps the answers, by the row of the plan
list_port_names() {
	local name index=$((group_rows[group] + (number - group_first) % group_size))
	port_names=${names_of[$index]-}
	if [[ -z $port_names ]]; then
		for name in "${!row[@]}"; do
			if [[ $name == port.* && $name != *.last ]]; then
				port_names+=" ${name#port.}"
			fi
		done
		port_names+=' '
		names_of[$index]=$port_names
	fi
}

# write_metrics: writes the place of a worker's metrics, in url
write_metrics() {
	local place=${url#*://} target path=/metrics
	if [[ $place == */* ]]; then
		path=/${place#*/}
	fi
	json_text "${place%%/*}"
	target=$quoted
	json_text "$path"
	printf '%s' "$metrics_comma{\"targets\": [$target], \"labels\": {\"role\": \"$role\", " \
		"\"worker\": \"${row[worker]}\", \"__metrics_path__\": $quoted}}" >&5
	metrics_comma=$',\n '
}

# json_text TEXT: sets quoted, the text as a string of JSON, and of TOML too, where the C locale holds. What is no
# UTF-8 is U+FFFD
json_text() {
	local rest=$1 before plain
	quoted=\"
	while [[ $rest == *[\"\\]* || $rest == *[!\ -~]* ]]; do
		before=${rest%%[\"\\]*}
		plain=${before%%[!\ -~]*}
		rest=${rest:${#plain}}
		quoted+=$plain
		json_sign
	done
	quoted+=$rest\"
}

# json_sign: takes the sign at the start of rest, which is not plain, to quoted
json_sign() {
	local width=1 escaped
	case $rest in
	[\"\\]*) quoted+="\\${rest:0:1}" ;;
	[$'\x01'-$'\x1f']* | $'\x7f'*)
		printf -v escaped '\\u%04x' "'${rest:0:1}"
		quoted+=$escaped
		;;
	*)
		utf8_width
		quoted+=${rest:0:width}
		if ((width == 0)); then
			width=1
			quoted+='\ufffd'
		fi
		;;
	esac
	rest=${rest:width}
}

# utf8_width: sets width, that of the character at the start of rest, or 0 (RFC 3629, 4)
utf8_width() {
	local tail=[$'\x80'-$'\xbf']
	case $rest in
	[$'\xc2'-$'\xdf']$tail*)
		width=2
		;;
	$'\xe0'[$'\xa0'-$'\xbf']$tail* | [$'\xe1'-$'\xec'$'\xee'$'\xef']$tail$tail* | $'\xed'[$'\x80'-$'\x9f']$tail*)
		width=3
		;;
	$'\xf0'[$'\x90'-$'\xbf']$tail$tail* | [$'\xf1'-$'\xf3']$tail$tail$tail* | $'\xf4'[$'\x80'-$'\x8f']$tail$tail*)
		width=4
		;;
	*)
		width=0
		;;
	esac
}

# await_records: until the records are there, while events go on
await_records() {
	while kill -0 "$records" 2>/dev/null; do
		next_event
	done
	if ! wait "$records"; then
		fail "74 cannot write in $dir"
	fi
}

# make_lists FUNCTION|PART: sets those facts over many workers that the text of a part, or function, names:
# {role.ROLE.KIND.PORT} and {metrics-urls}
make_lists() {
	local text before name
	case $1 in
	:*) return ;;
	phase:*) text=$(declare -f job "phase_${1#phase:}") ;;
	files) text=$(declare -f files) ;;
	*) text=$(declare -f job "role_${1%/*}") ;;
	esac
	if [[ $text == *'{metrics-urls}'* && -z ${fact["metrics-urls"]+x} ]]; then
		list_metrics
	fi
	while [[ $text == *'{role.'* ]]; do
		before=${text%%'{role.'*}
		text=${text:${#before}+1}
		name=${text%%'}'*}
		if [[ -z ${fact[$name]+x} ]]; then
			list_workers "$name"
		fi
	done
}

# list_workers NAME: sets a fact role.ROLE.KIND.PORT: an item for each worker
list_workers() {
	local role=${1#role.} item template='' number joined
	local -a found=()
	role=${role%%.*}
	if [[ -z ${left[$role]-} ]]; then
		return
	fi
	load "$role"
	for item in "${lists[@]}"; do
		if [[ ${item%%=*} == "$1" ]]; then
			template=${item#*=}
		fi
	done
	if [[ -z $template ]]; then
		return
	fi
	for ((number = 0; number < tasks; number++)); do
		find_task "$number"
		if ((row[rank] == 0)); then
			fill "$template"
			found+=("$filled")
		fi
	done
	join "${found[@]}"
	fact[$1]=$joined
}

# list_metrics: sets the fact metrics-urls: where the workers of all roles have metrics, each once
list_metrics() {
	local role number urls=''
	local -A seen=()
	for role in "${roles[@]}"; do
		load "$role"
		if [[ -z $metrics ]]; then
			continue
		fi
		for ((number = 0; number < tasks; number++)); do
			find_task "$number"
			fill "$metrics"
			if ((row[rank] == 0)) && [[ -z ${seen[$filled]-} ]]; then
				seen[$filled]=yes
				urls+=,$filled
			fi
		done
	done
	fact["metrics-urls"]=${urls#,}
}
