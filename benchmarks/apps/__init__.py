"""The applications that every server serves: the same routes for Trio, asyncio, bare ASGI and bare WSGI."""
