"""The operating model's numbers, each with its source: default.toml and literal.toml."""
