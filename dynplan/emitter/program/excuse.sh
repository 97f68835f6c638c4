on_excused() {
	say "$detail"
	on_ready # nobody waits for it any more
}
