"""Who may call: flows, tokens, sessions and passwords."""
