"""What a user may see and change: objects, fields and records."""
