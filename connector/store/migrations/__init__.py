"""What changed from schema to schema, as Alembic's scripts: one folder a database.

A script that was released is never changed. A change of `tables.py` or `fleet_tables.py` comes with the next script
and the next REVISION there; a test compares both ways to the newest schema.
"""
