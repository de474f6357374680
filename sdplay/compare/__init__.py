"""The comparison lab: from values as people type them to a checked plan, measures and things to
take away."""
