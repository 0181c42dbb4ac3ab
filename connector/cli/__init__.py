"""`pmom`: what a person types."""

from connector.cli.app import main

__all__ = ["main"]
