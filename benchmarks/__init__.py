"""How fast, how lean and how sparing of calls the connector is beside its peers; `python -m benchmarks`."""
