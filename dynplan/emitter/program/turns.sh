# ---- in a task: ports that another role had before ----
# are_free NAME=ROLE...: tells whether the ports of these names are free, which a role had that has ended; waits 10 s for
# them. Sets how if they are not, and lingering to what may be in the way of a bind although nobody listens: the kernel
# keeps connections for a minute (TIME_WAIT), and only a program that sets SO_REUSEADDR binds their port (socket(7))
are_free() {
	local limit listens=''
	look_at_clock
	limit=$((now + 10))
	look_at_ports "$@"
	while [[ -n $listens && -z $stopping ]] && ((now < limit)); do
		listen 0.5
		look_at_clock
		look_at_ports "$@"
	done
	if [[ -n $listens ]]; then
		status=1
		how="not started: $listens"
		return 1
	fi
	if [[ -n $lingering ]]; then
		event warning "$who$lingering"
	fi
}

# look_at_ports NAME=ROLE...: sets listens and lingering
look_at_ports() {
	local file line port last name entry
	local -a lines
	local -A states=()
	for file in /proc/net/tcp /proc/net/tcp6; do
		lines=()
		mapfile -t lines <"$file"
		for line in "${lines[@]:1}"; do
			# `0: ADDRESS:PORT ADDRESS:PORT STATE`; 0A is LISTEN.
			port=${line#*:*:}
			port=$((16#${port%% *}))
			if [[ $line == *' 0A '* ]]; then
				states[$port]=listens
			else
				states[$port]=${states[$port]-lingers}
			fi
		done
	done
	listens=''
	lingering=''
	for entry in "$@"; do
		name=${entry%%=*}
		last=${row[port.$name.last]-0}
		for ((port = ${row[port.$name]-1}; port <= last; port++)); do
			case ${states[$port]-} in
			listens) listens="port $port ($name), which role ${entry#*=} had before, is taken: somebody listens on it" ;;
			lingers) lingering="; port $port ($name), which role ${entry#*=} had before, has connections that are not over \
(TIME_WAIT, for a minute): a bind without SO_REUSEADDR fails" ;;
			esac
		done
	done
} 2>/dev/null
