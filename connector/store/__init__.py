"""What is remembered between runs: cursors, jobs, decisions, plans, outcomes, task bindings, budgets."""
