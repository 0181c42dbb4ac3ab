"""Which queries Salesforce takes and refuses, as data, and how another SOQL parser judges them."""
