#!/usr/bin/env bash
# Install what the project's make targets need, and nothing that is there already.
#
#   tools/install.sh venv        .venv: this project and its checks, for Python 3.11 or newer
#   tools/install.sh checks      shellcheck and shfmt, and node, which runs the script of a page in the tests
#   tools/install.sh docs        .cache/docs: what builds the documentation's site, and this project
#   tools/install.sh slurm       what the throwaway Slurm of the tests is made of, and an MPI for it
#   tools/install.sh containers  what runs containers in those tests, and what their images are made of
#   tools/install.sh slurms      what fetches Debian's other releases, for `make slurms`
#   tools/install.sh stack       etcd and NATS, for the real stack of `make acceptance` and `make demo`
#   tools/install.sh proxies     nginx and HAProxy, for `make acceptance`
#
# Debian's packages need root; without it their absence is told, and what needs them is skipped.
# PYTHON names the interpreter for .venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# PACKAGE:PROGRAM...: install the packages whose program is missing; PACKAGE: is one without a program.
packages() {
	local pair missing=()
	for pair; do
		if [[ $pair == *: ]]; then
			[[ $(dpkg-query -W -f '${db:Status-Status}' "${pair%:}" 2>/dev/null) == installed ]] || missing+=("${pair%:}")
		else
			type -P "${pair#*:}" >/dev/null || [[ -e ${pair#*:} ]] || missing+=("${pair%:*}")
		fi
	done
	((${#missing[@]})) || return 0
	if ((EUID)) || ! type -P apt-get >/dev/null; then
		echo "install.sh: missing, and only root on Debian or Ubuntu can install it here: ${missing[*]}" >&2
		return 0
	fi
	echo "+ apt-get install ${missing[*]}"
	[[ -n ${apt_updated-} ]] || apt-get update -qq </dev/null
	apt_updated=yes
	DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get install -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

python() {
	local candidate
	for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
		if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
			type -P "$candidate"
			return
		fi
	done
	echo "install.sh: dynplan needs Python 3.11 or newer; name one in PYTHON" >&2
	return 1
}

# Debian's Python comes without venv; python3-venv has it, for the interpreter's own version.
new_venv() { # PYTHON DIRECTORY
	if ! "$1" -c 'import ensurepip, venv' 2>/dev/null; then
		packages "$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'):no-program"
		"$1" -c 'import ensurepip, venv' 2>/dev/null || return 1
	fi
	"$1" -m venv --clear "$2"
}

# environment DIRECTORY EXTRA: this project with an extra, in a virtual environment of its own
environment() {
	local stamp found
	[[ ! -L $1 ]] || return 0 # another checkout's: to make it anew would take it away from there
	found=$(python)
	stamp=$("$found" -VV && cat pyproject.toml)
	[[ $(cat "$1/installed" 2>/dev/null) != "$stamp" ]] || return 0
	echo "+ $found -m venv $1; pip install -e .[$2]"
	new_venv "$found" "$1"
	"$1/bin/python" -m pip install -q --disable-pip-version-check -e ".[$2]"
	printf '%s\n' "$stamp" >"$1/installed"
}

for what; do
	case $what in
	venv) environment .venv dev ;;
	docs) environment .cache/docs docs ;;
	checks) packages shellcheck:shellcheck shfmt:shfmt nodejs:node ;;
	slurm)
		packages slurmctld:slurmctld slurmd:slurmd slurm-client:sbatch munge:munged \
			iproute2:ip util-linux:nsenter mount:mount hostname:hostname procps:kill curl:curl \
			openmpi-bin:mpirun python3-mpi4py: python3-yaml: libpmix-dev:
		;;
	containers)
		packages gcc:cc libc6-dev:/usr/include/stdio.h libslurm-dev:/usr/include/slurm/spank.h \
			bash-static:bash-static patchelf:patchelf squashfs-tools:mksquashfs
		;;
	slurms)
		packages debootstrap:/usr/sbin/debootstrap debian-archive-keyring:/usr/share/keyrings/debian-archive-keyring.gpg wget:wget
		;;
	stack) packages etcd-server:etcd nats-server:nats-server ;;
	proxies) packages nginx-light:/usr/sbin/nginx haproxy:/usr/sbin/haproxy ;;
	*)
		echo "install.sh: no such thing to install: $what" >&2
		exit 2
		;;
	esac
done
