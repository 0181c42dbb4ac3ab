"""Programs that answer on loopback as a CRM does. They import nothing of the product and no vendor's client."""
