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

# lives PID: tells whether a process is there. Bash 5.2 may be deaf to the end of its children (see `nap`), and then
# nobody has waited for one that has ended. A process lives on where its first thread alone has ended (proc(5), stat)
lives() {
	local line=''
	local -a fields=()
	if ! kill -0 "$1"; then
		return 1
	fi
	IFS= read -r -d '' line <"/proc/$1/stat"
	line=${line##*) }
	if [[ $line == Z* ]]; then
		read -r -a fields <<<"$line"
	fi
	# The number of its threads.
	if [[ ${fields[17]-} == [01] ]]; then
		wait "$1"
		return 1
	fi
} 2>/dev/null

# nap SECONDS: sleeps without a process
nap() {
	# Never in POSIX mode: there bash ends a `read` by SIGALRM, and one that comes just before read(2) is lost, and the
	# `read` without a limit. Bash 5.2 also blocks signals by chance, that one or others, where the limit is over before
	# it has begun to read (builtins/read.def: prevset, which 5.3 sets first). Else it looks at the clock.
	# And no trap that goes on may have a `read` of its own, which takes the limit of this one away.
	read -r -t "$1" -u "$quiet" _
}

# is_watched: tells whether a process must watch the worker
is_watched() {
	((${#probe_first[@]} > 0)) || [[ -n $fail_on_log ]]
}

# watch EVENT: until the worker is ready, or healthy again, and from then on as long as its log or its
# `alive` must be looked at. A process of its own beside the worker
watch() {
	local from code=71 index pause
	# The probes that do not hold yet, with their limits.
	local -a open=() bad_looks=() next_look=()
	announced=''
	look_at_clock
	from=$now
	# Slurm may send one to all processes of a step; this is the worker's.
	trap : USR1 USR2 QUIT ABRT XCPU
	exec {quiet}<> <(:) 4<> <(:)
	if [[ $1 != ready ]]; then
		log_in=''
		code=73
	fi
	open_probes "$1"
	while lives "$child"; do
		pause=0.4
		if [[ -n $log_in ]] && read_log; then
			pause=0.01
		fi
		look_at_clock
		for index in "${!open[@]}"; do
			if ask "$index"; then
				unset -v 'open[index]'
			elif ((now - from >= open[index])); then
				explain_refusal
				blame "$code" "not $1 after ${open[index]} s: ${words[*]:2}: $seen"
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
		nap "$pause"
	done
	if [[ -n $log_in ]]; then
		read_rest
	fi
}

# open_probes EVENT: sets open, the probes that must hold before this can be said
open_probes() {
	local index
	for index in "${!probe_first[@]}"; do
		get_probe "$index"
		if [[ ${words[0]} != ready ]]; then
			continue
		fi
		if [[ ${words[2]} != log ]]; then
			open[index]=${words[1]}
		elif [[ $1 == ready ]]; then
			# A line of a log does not come again.
			open[index]=${words[1]}
			open_log "$index"
		fi
	done
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

# ask INDEX: tells whether a probe holds, and sets seen, what the try has met. It gets 3 s for an answer, or
# 30 s where a model or a program answers
ask() {
	local pid naps=0 most=60 longest=120 status
	get_probe "$1"
	seen='no line matches'
	if [[ ${words[2]} == log ]]; then
		return 1
	fi
	if [[ ${words[2]} == command || "${words[*]}" == *' post='* ]]; then
		most=600
		longest=660
	fi
	seen="no connection within $((most / 20)) s"
	# With job control it gets a process group of its own, and all of that is killed. What it sees it tells by
	# 4, and so does bash where it cannot connect. A fixed number, as `declare -f` of bash 5.1 prints `>&"$x"`
	# as `&> "$x"`.
	set -m
	case ${words[2]} in
	tcp) ask_tcp "${words[@]:3}" 2>&4 ;;
	http) ask_http "${words[@]:3}" 2>&4 ;;
	command) become "${exports[@]}" -- "${through[@]}" "${words[@]:3}" 4>&- ;;
	esac </dev/null &>/dev/null &
	pid=$!
	set +m
	while ((naps < most)) && lives "$pid" && lives "$child"; do
		if hear 0.05; then
			most=$longest
		else
			naps=$((naps + 1))
		fi
	done
	kill -KILL -- "-$pid"
	wait "$pid"
	status=$?
	while read -r -t 0 -u 4 && hear 1; do
		:
	done
	if [[ ${words[2]} == command ]]; then
		seen="status $status"
		if ((naps == most)); then
			seen="not done within $((most / 20)) s"
		fi
	fi
	return "$status"
} 2>/dev/null

# hear SECONDS: sets seen by a line of a probe, which comes within this time: `=TEXT`, or bash's own words,
# `bash: line 1: connect: Connection refused`
hear() {
	local line
	read_bytes "$1" || return
	if [[ $line == =* ]]; then
		line=${line#=}
		seen=${line:0:150}
	else
		line=${line##*: }
		seen=${line,}
	fi
}

# read_bytes SECONDS: sets line. Elsewhere than in the C locale, bash takes the end of the line for a part of a character
# that is cut off before it
read_bytes() {
	read -r -t "$1" -u 4 line
}

# explain_refusal: adds to seen why a port refuses, by who listens on it
explain_refusal() {
	local file line port address listener=''
	local -a lines
	if [[ $seen != 'connection refused' ]]; then
		return
	fi
	printf -v port ':%04X' "${words[3]}"
	for file in /proc/net/tcp /proc/net/tcp6; do
		lines=()
		mapfile -t lines <"$file"
		for line in "${lines[@]}"; do
			# `0: ADDRESS:PORT ADDRESS:PORT STATE`; 0A is LISTEN. Of an address each four bytes are in the order of
			# the machine.
			address=${line#*: }
			address=${address%% *}
			if [[ $line != *' 0A '* || $address != *"$port" ]]; then
				continue
			fi
			case ${address%:*} in
			??????7F | 00000000000000000000000001000000 | 0000000000000000FFFF0000??????7F)
				listener=${listener:-the loopback address}
				;;
			*[!0]*)
				listener='another address'
				;;
			*)
				# Every address: it has just begun to.
				return
				;;
			esac
		done
	done
	if [[ -n $listener ]]; then
		seen+=": the port is open on $listener only"
	else
		seen+=': nothing listens on the port'
	fi
} 2>/dev/null

# ask_tcp PORT
ask_tcp() {
	: <>"/dev/tcp/${row[ip]}/$1"
}

# check_alive: asks each `alive` probe that is due; so many failures in a row end the job
check_alive() {
	local index interval most counted
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
			explain_refusal
			count_of "$most" time
			blame 73 "not alive: $counted: ${words[*]:2}: $seen"
		fi
	done
}
