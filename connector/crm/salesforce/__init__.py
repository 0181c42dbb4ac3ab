"""Salesforce: OAuth, REST, Bulk API 2.0, sObject Collections and the Metadata API behind the CRM protocol."""
