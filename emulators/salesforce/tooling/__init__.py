"""The Tooling API: what an org is made of, as records that can be queried, and custom fields and rules as records."""
