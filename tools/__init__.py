"""Rooms for each trade around the function. Nothing here is deployed, and `local` imports nothing of it."""
