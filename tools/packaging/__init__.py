"""What is made of a finished build: its size, and the files that carry it into accounts."""
