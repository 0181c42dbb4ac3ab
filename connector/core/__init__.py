"""The rules: facts in, decisions out. Pure Python; no input or output, no clock, no randomness, no CRM names."""
