no_word() { fail_outside "role $role: srun ended with status $detail${hint-} and no word from $listed"; }
