"""What is made of a finished build: its size, and the files that carry it into accounts.

Only what needs the build, and no account, belongs here.
"""
