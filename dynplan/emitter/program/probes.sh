# ---- in a task: is the worker ready? ----
# event NAME DETAIL: tells the batch script, in a line that is written at once; reads part and row
event() {
	local text=${2//[[:cntrl:]]/ }
	# `read -a` drops one empty field at the end of a line: behind the last sign there is none to lose.
	echo "dynplan|$1|$part|${row[worker]-}|${row[rank]}|$SLURMD_NODENAME|${text:0:2000}|"
}

# blame CODE TEXT: tells that this worker fails the job, with the job's exit code, or that it may fail
blame() {
	if [[ $critical != no ]]; then
		event failed "$1 $who: $2; log $log"
	else
		event excused "not critical: $who: $2; log $log"
	fi
}

# lives PID: tells whether a process is there
lives() {
	kill -0 "$1" 2>/dev/null
}

# nap SECONDS: sleeps without a process
nap() {
	read -r -t "$1" -u "$quiet" _
}

# is_watched: tells whether a process must watch the worker
is_watched() {
	((${#probe_first[@]} > 0)) || [[ -n $fail_on_log ]]
}

# watch EVENT: until the worker is ready, or healthy again, and from then on as long as its log or its
# `alive` must be looked at. A process of its own beside the worker
watch() {
	local from code=71 index
	# The probes that do not hold yet, with their limits.
	local -a open=() bad_looks=() next_look=()
	announced=''
	look_at_clock
	from=$now
	# Slurm may send one to all processes of a step; this is the worker's.
	trap : USR1 USR2 QUIT ABRT ALRM XCPU
	exec {quiet}<> <(:)
	if [[ $1 != ready ]]; then
		log_in=''
		code=73
	fi
	for index in "${!probe_first[@]}"; do
		get_probe "$index"
		# A line of a log does not come again.
		if [[ ${words[0]} == ready && ($1 == ready || ${words[2]} != log) ]]; then
			open[index]=${words[1]}
		fi
	done
	while lives "$child"; do
		look_at_clock
		read_log
		for index in "${!open[@]}"; do
			if ask "$index"; then
				unset -v 'open[index]'
			elif ((now - from >= open[index])); then
				blame "$code" "not $1 after ${open[index]} s: ${words[*]:2}"
				return
			fi
		done
		if ((${#open[@]} == 0)); then
			announce "$1"
			if [[ $1 != ready || -z $fail_on_log$alive ]]; then
				return
			fi
			check_alive
		fi
		nap 0.4
	done
	read_log
}

# announce EVENT: tells once that the worker is ready, or healthy, and that the next one may start
announce() {
	if [[ -n $announced ]]; then
		return
	fi
	announced=yes
	if [[ $kind == service ]]; then
		event "$1" ''
	fi
	if [[ -n $stagger ]]; then
		event turn ''
	fi
}

# ask INDEX: tells whether a probe holds. It gets 3 s, or 30 s where a model or a program answers
ask() {
	local pid naps=0 most=60
	get_probe "$1"
	if [[ ${words[2]} == log ]]; then
		return 1
	fi
	if [[ ${words[2]} == command || "${words[*]}" == *' post='* ]]; then
		most=600
	fi
	# With job control it gets a process group of its own, and all of that is killed.
	set -m
	case ${words[2]} in
	tcp) ask_tcp "${words[@]:3}" ;;
	http) ask_http "${words[@]:3}" ;;
	command) become "${exports[@]}" -- "${words[@]:3}" ;;
	esac </dev/null &>/dev/null &
	pid=$!
	set +m
	while ((naps < most)) && lives "$pid" && lives "$child"; do
		nap 0.05
		naps=$((naps + 1))
	done
	kill -KILL -- "-$pid"
	wait "$pid"
} 2>/dev/null

# ask_tcp PORT
ask_tcp() {
	: <>"/dev/tcp/${row[ip]}/$1"
}

# ask_http PORT PATH [status=STATUS] [body=REGEX] [post=JSON]
ask_http() {
	local method=GET head='' status=2xx body='' post='' code answer LC_ALL=C
	local "${@:3}"
	exec 3<>"/dev/tcp/${row[ip]}/$1" || return
	if [[ -n $post ]]; then
		method=POST
		# In the C locale this is the number of bytes.
		head=$'Content-Type: application/json\r\nContent-Length: '${#post}$'\r\n'
	fi
	printf '%s %s HTTP/1.0\r\nHost: %s\r\n%s\r\n%s' "$method" "$2" "${row[ip]}:$1" "$head" "$post" >&3
	read -r _ code _ <&3
	# To its end, or the worker logs that we reset the connection.
	IFS= read -r -t 2 -d '' answer <&3
	code=${code%$'\r'}
	answer=${answer#*$'\r\n\r\n'}
	if [[ $code =~ ^(${status//x/[0-9]})$ ]]; then
		[[ -z $body || $answer =~ $body ]]
	else
		return 1
	fi
}

# read_log: looks at what is new in the worker's log, at an unfinished line too; takes probes out of
# open whose line has come
read_log() {
	local line index whole=yes
	if [[ -z $log_in ]]; then
		return
	fi
	while [[ -n $whole ]]; do
		if ! IFS= read -r -u "$log_in" line; then
			whole=''
		fi
		line=$unfinished$line
		unfinished=''
		if [[ -z $whole ]]; then
			unfinished=$line
		fi
		if [[ -n $fail_on_log && $line =~ $fail_on_log ]]; then
			blame 72 "the log says: ${line:0:500}"
			fail_on_log=''
		fi
		for index in "${!open[@]}"; do
			get_probe "$index"
			if [[ ${words[2]} == log && $line =~ ${words[3]} ]]; then
				unset -v 'open[index]'
			fi
		done
	done
}

# check_alive: asks each `alive` probe that is due; so many failures in a row end the job
check_alive() {
	local index interval most
	if [[ -z $alive ]]; then
		return
	fi
	for index in "${!probe_first[@]}"; do
		get_probe "$index"
		if [[ ${words[0]} != alive ]] || ((now < next_look[index])); then
			continue
		fi
		interval=${words[1]%x*}
		most=${words[1]#*x}
		next_look[index]=$((now + interval))
		if ask "$index"; then
			bad_looks[index]=0
			continue
		fi
		bad_looks[index]=$((bad_looks[index] + 1))
		if ((bad_looks[index] == most)) && lives "$child"; then
			blame 73 "not alive: $most times: ${words[*]:2}"
		fi
	done
}
