"""The local copy of the CRM's records, in one DuckDB file."""
