"""HTTP to other servers: which addresses may be reached, how a request goes out, what its failure
means."""
