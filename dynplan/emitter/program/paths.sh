check_paths() { # of container images and mounts
	for name in "${paths[@]}"; do [[ -e $name ]] || problem "$name is missing (an image or a mount)"; done
}
