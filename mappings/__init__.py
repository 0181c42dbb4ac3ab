"""Which object and field of a CRM is which canonical field: one TOML file a CRM."""
