"""SOSL and parameterized search."""
