"""`make bench`: what the function costs, and what a fleet does.

It is measured beside a function in Python and boto3 that does the same work, driven by the same Lambda
Runtime API and answered by the same server. Only measurements, and what they measure with, belong here.
"""
