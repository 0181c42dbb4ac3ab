"""The shell: pull, decide, plan and apply as plain functions over one connection (`pull.pull`, `decide.decide`...)."""
