"""The schemas of the fleet database."""
