"""Calls and records, several in one."""
