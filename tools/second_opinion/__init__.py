"""`make second-opinion`: the executable against an AWS that this project has not written.

What the local AWS of the tests answers is this project's own reading of AWS. Here the same executable runs
against fakecloud, an emulator by others. Only what drives it, and how it is known to differ, belongs here.
"""
