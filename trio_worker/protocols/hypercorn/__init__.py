"""The other engine: Hypercorn's own connection server on each accepted socket, inside our fence.

engine.py   a connection that is Hypercorn's
config.py   Hypercorn's configuration

With `trio-engine = hypercorn` nothing of the lanes is used. What Hypercorn cannot promise stands in docs/hypercorn.md.
"""
