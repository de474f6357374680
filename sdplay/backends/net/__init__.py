"""The network under the wire: which addresses may be reached, how one request goes out, what its
failure means."""
