# ---- in the preflight: the block that this node is in ----
# preflight_domain: tells the block, or the switch, that is nearest to this node: Slurm gives each task the names above
# its node, and their kinds (srun(1), SLURM_TOPOLOGY_ADDR: `top.b0.n1`, and in its _PATTERN `switch.switch.node`)
preflight_domain() {
	local kind=${SLURM_TOPOLOGY_ADDR_PATTERN-} name=${SLURM_TOPOLOGY_ADDR-}
	# The name of a node may have dots.
	name=${name%".$SLURMD_NODENAME"}
	name=${name##*.}
	case $kind in
	*block.node)
		event block "blocks=$name"
		;;
	*switch.node)
		event block "switches=$name"
		;;
	esac
}
