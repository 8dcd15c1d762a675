"""The ASGI app: loading it, its lifespan, and the layers around it."""
