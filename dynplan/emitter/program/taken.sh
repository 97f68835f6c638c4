# ---- in the preflight: which blocks of ports are taken ----
# preflight_planned PORT ROLE/NAME: notes a port of block 0 on this node
preflight_planned() {
	planned[$1]=$2
}

# preflight_blocks: tells in which blocks one of the ports in planned is taken on this node: BLOCK=PORT=ROLE/NAME for
# each, some at a time, as a line is short
preflight_blocks() {
	local port block count=0 listed=''
	for port in $taken; do
		block=$(((port - first_port) / port_step))
		if ((port < first_port || block > ${port_blocks[-1]#*-})) || [[ -z ${planned[port - block * port_step]-} ]]; then
			continue
		fi
		listed+=" $block=$port=${planned[port - block * port_step]}"
		count=$((count + 1))
		if ((count == 10)); then
			event taken "${listed# }"
			count=0
			listed=''
		fi
	done
	if [[ -n $listed ]]; then
		event taken "${listed# }"
	fi
}
