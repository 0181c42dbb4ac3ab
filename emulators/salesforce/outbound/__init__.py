"""Outbound messages: what is sent when records change, and again until it is acknowledged."""
