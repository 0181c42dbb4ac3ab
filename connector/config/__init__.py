"""Everything an admin writes is parsed and checked here, and only here."""
