on_restart() { say "$detail"; }
