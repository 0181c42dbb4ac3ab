"""One folder or file per CRM behind one protocol: rows in, writes out. Nothing here knows what a partner is."""
