hear_check() { watch healthy & }
