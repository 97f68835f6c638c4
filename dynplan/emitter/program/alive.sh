check_alive() { # each probe at its interval; so many failures in a row end the job
	local i most
	for i in "${!probe_at[@]}"; do
		get_probe "$i"
		[[ ${words[0]} == alive ]] || continue
		((SECONDS >= next_look[i])) || continue
		most=${words[1]#*x} next_look[i]=$((SECONDS + ${words[1]%x*}))
		if ask "$i"; then
			bad_looks[i]=0
		elif ((++bad_looks[i] == most)) && lives "$child"; then
			blame 73 "not alive: $most times: ${words[*]:2}"
		fi
	done
}
