add_lists() { # over all workers: this one's items
	local item
	for item in "${lists[@]}"; do
		fill "${item#*=}"
		fact[${item%%=*}]+=${fact[${item%%=*}]+,}$filled
	done
}
