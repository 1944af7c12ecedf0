"""Commands of the audit, named by entry points; importing one of these modules is light."""
