"""The other engine: Hypercorn's own connection server on each accepted socket, inside our fence.

engine.py   a connection that is Hypercorn's
config.py   Hypercorn's configuration
file.py     the keys of it that have an effect in our lanes

With `trio-engine = hypercorn` nothing of the lanes is used, and without it nothing here but the file. What Hypercorn
cannot promise stands in docs/hypercorn.md.
"""
