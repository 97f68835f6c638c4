# ---- in a task: what an HTTP server answers ----
# ask_http PORT PATH [status=STATUS] [body=REGEX] [post=JSON]: tells whether a worker answers so; says what it
# sees, in a process of its own
ask_http() {
	local method=GET head='' status=2xx body='' post='' host=${row[ip]} patience=3
	local code='' reason='' place='' length='' chunked='' answer=''
	local "${@:3}"
	if [[ $host == *:* ]]; then
		host="[$host]"
	fi
	exec 3<>"/dev/tcp/${row[ip]}/$1" || return
	if [[ -n $post ]]; then
		method=POST
		patience=30
		# In the C locale, which is the program's, this is the number of bytes.
		head=$'Content-Type: application/json\r\nContent-Length: '${#post}$'\r\n'
	fi
	tell_seen "connected, and no answer within $patience s"
	printf '%s %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n%s\r\n%s' \
		"$method" "$2" "$host:$1" "$head" "$post" >&3
	read_head || return
	# To its end, or the worker logs that we reset the connection.
	if [[ -n $chunked ]]; then
		read_chunks
	else
		read_body
	fi
	if [[ ! $code =~ ^(${status//x/[0-9]})$ ]]; then
		tell_seen "status $code$reason$place${answer:+: $answer}"
		return 1
	fi
	if [[ -n $body && ! $answer =~ $body ]]; then
		tell_seen "status $code, and the body does not match: $answer"
		return 1
	fi
}

# tell_seen TEXT: tells `ask` what there is to see so far, in a line; it cuts this to whole characters
tell_seen() {
	local text=${1:0:600}
	echo "=${text//[[:cntrl:]]/ }" >&4
}

# read_head: reads the head of an answer; sets code, reason, and what matters of the rest: length, chunked and
# place
read_head() {
	local line result most=8000
	# 100 and its like come before the answer (RFC 9110, 15.2).
	while [[ ${code:-100} == 10[0235] ]]; do
		read -r -t "$patience" -n "$most" -u 3 line
		result=$?
		line=${line%$'\r'}
		if [[ ! $line =~ ^HTTP/1\.[01]\ +([1-5][0-9][0-9])(\ .*)?$ ]]; then
			if [[ -n $line ]]; then
				tell_seen "connected, and what answers is no HTTP: $line"
			elif ((result < 128)); then
				tell_seen 'connected, and the connection was closed without an answer'
			fi
			return 1
		fi
		code=${BASH_REMATCH[1]}
		reason=${BASH_REMATCH[2]}
		tell_seen "status $code$reason"
		while read -r -t 2 -n "$most" -u 3 line && [[ -n ${line%$'\r'} ]]; do
			read_field "${line%$'\r'}"
		done
	done
}

# read_field LINE: takes what matters from a line of a head
read_field() {
	local value=${1#*:}
	value=${value//[[:blank:]]/}
	case ${1,,} in
	content-length:*) length=$value ;;
	transfer-encoding:*chunked*) chunked=yes ;;
	location:*) place=", to $value" ;;
	esac
}

# read_body: sets answer to the body, up to 4 MB: as long as the head says, or else to its end, for which it
# waits 2 s. Bytes that are 0 are left out
read_body() {
	local most=4000000
	if [[ $code == @(204|304) ]]; then
		return
	fi
	if [[ $length =~ ^0*([0-9]{1,6})$ ]]; then
		most=$((10#${BASH_REMATCH[1]}))
	fi
	if ((most > 0)); then
		IFS= read -r -t 2 -N "$most" -u 3 answer
	fi
}

# read_chunks: sets answer to a body in chunks (RFC 9112, 7.1), as far as it comes within 2 s. Some servers
# answer so although we ask by HTTP/1.0
read_chunks() {
	local line size rest until most=4000000
	look_at_clock
	until=$((now + 2))
	while ((now <= until && ${#answer} < most)) && read -r -t 1 -n 1000 -u 3 line; do
		size=${line%%[!0-9A-Fa-f]*}
		rest=''
		if [[ -z $size || ${#size} -gt 6 ]]; then
			# As bytes that are 0 are left out, and not counted, we are no longer where a chunk begins.
			IFS= read -r -t 1 -N "$most" -u 3 rest
			answer+=$line$rest
			return
		fi
		if ((16#$size > 0)); then
			IFS= read -r -t 1 -N "$((16#$size))" -u 3 rest
			answer+=$rest
		fi
		# The end of the chunk, or the last line.
		read -r -t 1 -n 1000 -u 3 rest
		answer+=${rest%$'\r'}
		if ((16#$size == 0)); then
			return
		fi
		look_at_clock
	done
}
