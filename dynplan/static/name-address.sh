find_address() { # of this node: what its name resolves to
	read -r address _ < <(getent ahostsv4 "$SLURMD_NODENAME")
	[[ -n $address ]] || problem 'the host name does not resolve to an address'
	event node "$address"
}
