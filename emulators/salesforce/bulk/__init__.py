"""Bulk API 2.0: jobs, files in, files out."""
