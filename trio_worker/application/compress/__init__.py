"""Compressed responses of the app, for clients that take them: `trio-compress`."""
