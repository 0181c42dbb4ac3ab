"""The Metadata API: deployments, retrieval, and components one by one."""
