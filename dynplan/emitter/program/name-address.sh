find_address() {
	read -r address _ < <(getent ahostsv4 "$SLURMD_NODENAME")
	[[ -n $address ]] || problem 'the host name has no address'
	event node "$address"
}
