"""How tests and demos steer the org."""
