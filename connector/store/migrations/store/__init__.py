"""The schemas of the store."""
