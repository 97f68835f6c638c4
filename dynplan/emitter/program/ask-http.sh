ask_http() { # PORT PATH NAME=VALUE...
	local method=GET head='' status=2xx body='' post='' LC_ALL=C
	local "${@:3}"
	exec 3<>"/dev/tcp/${row[ip]}/$1" || return
	[[ -z $post ]] || method=POST head=$'Content-Type: application/json\r\nContent-Length: '${#post}$'\r\n'
	printf '%s %s HTTP/1.0\r\nHost: %s\r\n%s\r\n%s' \
		"$method" "$2" "${row[ip]}:$1" "$head" "$post" >&3
	read -r _ code _ <&3
	IFS= read -r -t 2 -d '' answer <&3 # else the worker logs a reset
	[[ ${code%$'\r'} =~ ^(${status//x/[0-9]})$ && (-z $body || ${answer#*$'\r\n\r\n'} =~ $body) ]]
}
