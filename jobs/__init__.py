"""When the connector's work is done: schedules around `connector.sync`."""
