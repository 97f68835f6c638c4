# ---- 4. roles ----
start_roles
until all_ready; do next_event; done
