"""What every emulated CRM stands on: a clock, TLS, HTTP on 127.0.0.1, planned faults and a log of calls."""
