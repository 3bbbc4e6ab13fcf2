"""`make advise` and `make savings`: the executable, run with your credentials, and a page.

`vendor` holds uPlot 1.6.32 of npm, unchanged, with its licence: a page needs no network.
"""
