"""A local AWS and a local Lambda runtime: all that the executable needs around it, without a network."""
