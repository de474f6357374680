"""HTTP to other servers: which addresses may be reached, how a request is sent, and what a failure
means."""
