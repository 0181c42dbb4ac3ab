"""A Salesforce org on 127.0.0.1: OAuth, REST, SOQL, Bulk API 2.0 and Metadata deploy over one SQLite file."""
