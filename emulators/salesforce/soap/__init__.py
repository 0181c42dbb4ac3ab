"""The SOAP API of an org: the partner and the enterprise endpoint."""
