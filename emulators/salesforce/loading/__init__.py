"""How an org is filled from files."""
