#!/usr/bin/env bash
# Run the tests of tests/slurm under the Slurm of Debian's other releases.
#
#   tools/slurms.sh                        all of them, but the one that this machine has itself
#   tools/slurms.sh 24.11                  one, or several
#   tools/slurms.sh 26.05 -k lost          options for pytest behind it
#   tools/slurms.sh --refresh [VERSION...] what Debian has today, in place of what was fetched before
#
# Each runs in its own system, which debootstrap makes once in .cache/slurms (slurms-inside.sh enters it). It stays
# as it was fetched, so that a failure is ours and not a new package's. Needs root, as the throwaway Slurm does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
cache=$PWD/.cache/slurms
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Debian 11's Python is too old for dynplan, so its Slurm alone lies over Debian 12.
declare -A layers=([20.11]='bullseye bookworm' [22.05]=bookworm [24.11]=trixie [26.05]=sid)
declare -A size=(
	[bullseye]='Slurm of Debian 11 (12 MB to download, 12 MB on disk)'
	[bookworm]='Debian 12 (60 MB to download, 160 MB on disk)'
	[trixie]='Debian 13 (70 MB to download, 190 MB on disk)'
	[sid]='Debian sid (70 MB to download, 190 MB on disk)'
)

say() { echo "slurms: $*"; }

main() {
	local refresh='' version suite failed=0
	local versions=() suites=() results=()
	[[ ${1-} != --refresh ]] || { refresh=yes && shift; }
	while [[ ${1-} =~ ^[0-9]+\.[0-9]+$ ]]; do
		[[ -v layers[$1] ]] || { say "no Slurm $1 here, but" "${!layers[@]}" >&2 && exit 2; }
		versions+=("$1") && shift
	done
	((EUID == 0)) || { say "other Slurms need root" >&2 && exit 1; }
	((${#versions[@]})) || mapfile -t versions < <(printf '%s\n' "${!layers[@]}" | sort | grep -vxF "$(own)")

	for version in "${versions[@]}"; do
		for suite in ${layers[$version]}; do [[ " ${suites[*]} " == *" $suite "* ]] || suites+=("$suite"); done
	done
	tools/install.sh venv
	mkdir -p "$cache"
	fetch_all "$refresh" "${suites[@]}"

	for version in "${versions[@]}"; do run "$version" "$@" || failed=1; done
	printf "slurms: %s\n" "${results[@]}"
	return "$failed"
}

# The release of this machine's Slurm, which the other targets run.
own() { slurmd -V 2>/dev/null | grep -oE '[0-9]+\.[0-9]+' | head -n 1 || true; }

# ---- fetching --------------------------------------------------------------------------------------------

fetch_all() { # REFRESH SUITE...
	local refresh=$1 suite absent=()
	shift
	for suite; do
		[[ -z $refresh && -e $cache/$suite.about ]] || absent+=("$suite")
	done
	if ((${#absent[@]})); then
		tools/install.sh slurms
		say "fetching into .cache/slurms, once:"
		for suite in "${absent[@]}"; do say "  ${size[$suite]}"; done
		exec 9>"$cache/lock"
		flock 9 # another one may be fetching them now
		for suite in "${absent[@]}"; do
			[[ -z $refresh && -e $cache/$suite.about ]] || fetch "$suite"
		done
		exec 9>&-
	fi
	for suite; do
		[[ $suite == bullseye ]] || python_packages "$suite"
	done
}

fetch() { # SUITE
	local new=$cache/$1.new begin=$SECONDS
	rm -rf --one-file-system "$new"
	mkdir "$new"
	if [[ $1 == bullseye ]]; then slurm_alone "$1" "$new"; else system "$1" "$new"; fi
	rm -rf "$cache/${1:?}"
	mv "$new" "$cache/$1"
	mv "$new.about" "$cache/$1.about"
	say "$1: Slurm $(about "$1"), $(du -sm "$cache/$1" | cut -f 1) MB in $((SECONDS - begin)) s"
}

system() { # SUITE DIRECTORY: a whole system, as small as debootstrap makes one
	local packages=python3,slurmctld,slurmd,slurm-client,munge,iproute2,procps,hostname,mount,util-linux
	# What it mounts in there goes with it, however it ends.
	unshare --mount debootstrap --variant=minbase --keyring="$keyring" --include="$packages" "$1" "$2" "$mirror" >"$2.log" 2>&1 ||
		{ tail -n 20 "$2.log" >&2 && return 1; }
	rm -rf "$2.log" "$2"/var/{cache/apt/*.bin,cache/apt/archives/*.deb,lib/apt/lists/*} "$2"/usr/share/{doc,locale,man}/*
	touch "$2/etc/hosts" # the testbed lays its own over it
	mkdir -p "$2/dynplan"
	note "$2" "$(dpkg-query --admindir="$2/var/lib/dpkg" -W -f '${Version}' slurmd)"
}

slurm_alone() { # SUITE DIRECTORY: programs and plugins of Slurm, from lists of our own
	local apt=$2/apt
	mkdir -p "$apt/lists/partial"
	echo "deb [signed-by=$keyring] $mirror $1 main" >"$apt/sources.list"
	local own=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Acquire::Languages=none -o APT::Sandbox::User=root)
	apt-get -qq "${own[@]}" update
	(cd "$apt" && apt-get -qq "${own[@]}" download {slurmctld,slurmd,slurm-client,slurm-wlm-basic-plugins}"/$1")
	for package in "$apt"/*.deb; do dpkg-deb -x "$package" "$apt/root"; done
	mv "$apt/root/usr" "$2/" # its /lib would hide the other's, which is a link
	note "$2" "$(dpkg-deb -f "$apt"/slurmd_*.deb Version)"
	rm -rf "$apt"
}

note() { # DIRECTORY SLURMD-VERSION
	echo "$2 of $(date +%F)" >"$1.about"
}

about() { cat "$cache/$1.about"; }

# What the tests import, brought by this machine's pip and its configuration, for the other system's Python.
python_packages() { # SUITE
	local python target wanted platform platforms=()
	python=$(readlink "$cache/$1/usr/bin/python3")
	target=$cache/$1/usr/local/lib/$python/dist-packages
	wanted=$(requirements)
	[[ $(cat "$target/wanted" 2>/dev/null) != "$wanted" ]] || return 0
	for platform in manylinux{2014,_2_17,_2_28}; do platforms+=(--platform "${platform}_$(uname -m)"); done
	rm -rf "$target"
	.venv/bin/python -m pip install -q --disable-pip-version-check --no-compile --target "$target" \
		--implementation cp --python-version "${python#python}" "${platforms[@]}" --only-binary=:all: \
		--requirement <(echo "$wanted")
	echo /dynplan >"$target/dynplan.pth"
	echo "$wanted" >"$target/wanted"
}

requirements() {
	.venv/bin/python - <<-'END'
		import tomllib
		with open("pyproject.toml", "rb") as file:
		    project = tomllib.load(file)["project"]
		extra = project["optional-dependencies"]
		wanted = [*project["dependencies"], *extra["import"], *extra["test"]]
		# dynplan itself is /dynplan, and on no index.
		print(*(word for word in wanted if not word.startswith("dynplan[")), sep="\n")
	END
}

# ---- running ---------------------------------------------------------------------------------------------

run() { # VERSION OPTION-OF-PYTEST...
	local version=$1 log=$cache/$1.log code=0 directory='' tests suite found
	shift
	for suite in ${layers[$version]}; do directory+=${directory:+:}$cache/$suite; done
	suite=${layers[$version]%% *}
	found=$(about "$suite")
	say "$version is Slurm $found"
	[[ $found == "$version".* ]] || say "  Debian's $suite has no $version any more: these are results of ${found%% *}"
	! moved_on "$suite" "${found%% *}" || say "  Debian's $suite has a newer package; --refresh $version fetches it"
	# What the script does not run under, it refuses. Containers, MPI and the pages need programs of this machine.
	tests=(tests/slurm --ignore=tests/slurm/test_{containers,mpi,walks}.py)
	[[ $version != 20.11 ]] || tests=(tests/slurm/test_too_old.py)
	unshare --mount --pid --fork --kill-child tools/slurms-inside.sh "$directory" \
		"${tests[@]}" -q -p no:cacheprovider "$@" 2>&1 | tee -i "$log" || code=$?
	results+=("${found%% *}: $(tail -n 1 "$log")")
	return "$code"
}

# Whether the package is no longer in the archive; without a network nobody knows, and nothing is said.
moved_on() { # SUITE VERSION
	local code=0
	wget -q --spider --tries=1 --timeout=3 \
		"$mirror/pool/main/s/slurm-wlm/slurmd_$2_$(dpkg --print-architecture).deb" || code=$?
	((code == 8)) # the archive has answered, and has it not
}

main "$@"
exit # bash reads as it goes: a script that is changed meanwhile must not go on
