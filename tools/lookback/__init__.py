"""`make advise` and `make savings`: the executable, run with your credentials, and a page.

Only what asks it for an answer about the past, and makes a page of that, belongs here.

`vendor` holds uPlot 1.6.32 of npm, unchanged, with its licence: a page needs no network.
"""
