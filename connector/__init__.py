"""What turns a partner marketing operating model into values and tasks in a CRM."""
