# ---- in the preflight: this node's network interfaces ----
# preflight_interface: sets interface and address, by the first of interfaces that this node has; where the plan
# names none, interface by address. What `ip` says has an address a line: `2: ib0 inet 10.2.0.7/16 ... scope global`
preflight_interface() {
	local name family text rest wanted found='' said='' plan
	local -A devices=()
	local -a names=() texts=()
	preflight_devices
	while read -r _ name family text rest; do
		# An address of a link, or one that is not settled or not for long, is none for others.
		if [[ $family == inet* && ! ($family == inet6 && " $rest " == *\ @(scope link|tentative|dadfailed|deprecated|temporary)\ *) ]]; then
			names+=("$name")
			texts+=("${text%/*}")
			said+=", $name ${text%/*}"
		fi
	done < <(PATH=$PATH:/usr/sbin:/sbin ip -oneline address)
	plan="no address on network-interface ${interfaces[*]%%=*}"
	if ((${#interfaces[@]} == 0)); then
		plan="no network interface has $address, the address of the node's name"
	fi
	for wanted in "${interfaces[@]:-$address}"; do
		preflight_find "$wanted"
		if [[ -n $found ]]; then
			interface=${names[found]}
			address=${texts[found]}
			return
		fi
	done
	said=${said:-, none that ip(8) tells}
	preflight_problem "$plan; the node has ${said#, }"
}

# preflight_devices: sets devices, the adapters such as mlx5_0 that stand behind the interfaces
preflight_devices() {
	local path name
	for path in /sys/class/infiniband/*/device/net/*; do
		if [[ -e $path ]]; then
			name=${path#/sys/class/infiniband/}
			devices[${path##*/}]+=" ${name%%/*}"
		fi
	done
}

# preflight_find NAME|PATTERN|ADDRESS|NETWORK=NUMBER/MASK: sets found, the index of the interface that is meant: of
# ib0, ib2 and ib10 the first one, the loopback one last, and of its addresses IPv4's
preflight_find() {
	local index name best='' device
	for index in "${!names[@]}"; do
		name=${names[index]}
		case $1 in
		*=*) preflight_is_in "${texts[index]}" "${1#*=}" || continue ;;
		*)
			device=" ${devices[$name]-} "
			[[ $name == @($1) || ${texts[index]} == "$1" || $device == *\ @($1)\ * ]] || continue
			;;
		esac
		if [[ -z $best || ($name != lo && ($best == lo || ${#name} -lt ${#best} || (${#name} -eq ${#best} && $name < $best))) ]]; then
			best=$name
			found=$index
		fi
	done
}

# preflight_is_in ADDRESS NUMBER/MASK: tells whether an address is in a network, given in hexadecimal
preflight_is_in() {
	local network=${2%/*} mask=${2#*/} number at
	preflight_number "$1"
	if ((${#number} != ${#network})); then
		return 1
	fi
	for ((at = 0; at < ${#number}; at += 8)); do
		if (((16#${number:at:8} & 16#${mask:at:8}) != 16#${network:at:8})); then
			return 1
		fi
	done
}

# preflight_number ADDRESS: sets number, the address in hexadecimal: of 8 digits, or of 32
preflight_number() {
	local index group
	local -a before after=()
	number=''
	if [[ $1 == *:* ]]; then
		IFS=: read -r -a before <<<"${1%%::*}"
		if [[ $1 == *::* ]]; then
			IFS=: read -r -a after <<<"${1#*::}"
		fi
		for ((index = 0; index < 8; index++)); do
			group=0
			if ((index < ${#before[@]})); then
				group=${before[index]}
			elif ((index >= 8 - ${#after[@]})); then
				group=${after[index - 8 + ${#after[@]}]}
			fi
			printf -v number '%s%04x' "$number" "0x$group"
		done
	else
		IFS=. read -r -a before <<<"$1"
		printf -v number '%02x' "${before[@]}"
	fi
}
