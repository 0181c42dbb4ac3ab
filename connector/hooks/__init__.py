"""What do other systems say has happened? Messages are verified and become hints: a record to be read again."""
