"""Coverage-guided fuzzing of the parsers that read what strangers send, with atheris: `make fuzz`."""
