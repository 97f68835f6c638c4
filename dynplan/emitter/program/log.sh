read_log() { # what is new, unfinished lines too
	local line i whole=yes
	while [[ -n $whole ]]; do
		IFS= read -r -u "$log_in" line || whole=''
		line=$partial$line partial=''
		[[ -n $whole ]] || partial=$line
		if [[ -n $fail_on_log && $line =~ $fail_on_log ]]; then
			blame 72 "the log says: ${line:0:500}"
			fail_on_log=''
		fi
		for i in "${!open[@]}"; do
			get_probe "$i"
			[[ ${words[2]} != log || ! $line =~ ${words[3]} ]] || unset "open[i]"
		done
	done
}
