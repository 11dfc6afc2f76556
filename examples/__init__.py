"""Systems to try the gateway with; nothing in the package imports from here."""
