"""A tenant on loopback: the services' wire formats, known truth, and nothing of the audit's own."""
