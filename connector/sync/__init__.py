"""The shell: pull, decide, plan and apply as plain functions over one connection, a module each."""
