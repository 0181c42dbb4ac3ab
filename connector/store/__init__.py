"""What is remembered between runs: decisions, plans, outcomes, task episodes, server-side jobs."""
