# ---- 5. no phase: wait for the last step ----
while ((${#step_pid[@]})); do next_event; done
