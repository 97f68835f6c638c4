check_alive() { # PROBE: at its interval; so many failures in a row end the job
	get_probe "$1"
	((SECONDS >= ${next_look[$1]-0})) && [[ ${words[1]} == each || ${row[rank]} == 0 ]] || return 0
	local most=${words[2]#*x}
	next_look[$1]=$((SECONDS + ${words[2]%x*}))
	if ask "$1"; then
		bad_looks[$1]=0
	elif ((++bad_looks[$1] == most)) && lives "$child"; then
		blame 73 "not alive: $most times: ${words[*]:3}"
	fi
}
