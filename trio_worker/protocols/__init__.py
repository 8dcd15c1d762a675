"""One folder for each protocol that a connection may speak, and what connections of single requests share."""
