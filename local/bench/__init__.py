"""`make bench`: this function beside one in Python with boto3 that does the same work, driven by the same
Lambda Runtime API and answered by the same server."""
