hear_check() { watch healthy & } # between phases the ready probes must hold
