"""The ASGI app: how it is loaded and started, the fence in which it runs, and the layers around it."""
