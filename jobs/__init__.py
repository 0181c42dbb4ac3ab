"""When the connector's work is done, by whom, and what becomes of it: a durable queue around `connector.sync`."""
