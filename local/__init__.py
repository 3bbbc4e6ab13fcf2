"""A local AWS and a local Lambda: all that the executable needs around it, without a network.

What has another trade (measuring, verifying, packaging) is in `tools`.
"""
