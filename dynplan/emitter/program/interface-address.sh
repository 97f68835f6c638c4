# This node's address on the plan's interface. The kernel's tables hold the interface's networks
# and, without their interface, the node's own addresses; both in the byte order of the machine.
find_address() {
	local name network mask mark kind part networks='' last='' address=''
	while read -r name network _ _ _ _ _ mask _; do
		[[ $name != "$interface" || $mask == 00000000 ]] || networks+=" $network/$mask"
	done </proc/net/route
	while read -r mark kind part _; do
		[[ $mark != '|--' ]] || last=$kind
		[[ "$kind $part" == 'host LOCAL' ]] && on_networks "$last" && address=$last
	done </proc/net/fib_trie
	[[ -n $address ]] || problem "no IPv4 address on interface $interface"
	event node "$address"
}
on_networks() { # A.B.C.D
	local a b c d rest=$networks network
	IFS=. read -r a b c d < <(printf '%s\n' "$1")
	while [[ $rest == *' '* ]]; do
		network=${rest##* } rest=${rest% *}
		((((d << 24 | c << 16 | b << 8 | a) & 16#${network#*/}) != 16#${network%/*})) || return 0
	done
	return 1
}
