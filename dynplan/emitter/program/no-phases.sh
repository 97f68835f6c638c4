# ---- 5. no phase: wait for the last step ----
while ((${#to_step[@]})); do next_event; done
