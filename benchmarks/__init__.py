"""The worker and its peers side by side on one machine: `python -m benchmarks`, or `make bench`.

Kept empty of imports: the servers import `benchmarks.apps`, and what this file imported would be in their
memory.
"""
