"""What the connector says over HTTP."""
