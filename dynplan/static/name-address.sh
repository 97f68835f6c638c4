find_address() {
	read -r address _ < <(getent ahostsv4 "$SLURMD_NODENAME")
	[[ -n $address ]] || problem 'the host name does not resolve to an address'
	event node "$address"
}
