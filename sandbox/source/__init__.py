"""The synthetic IMDb: seven files a day, invented, and a server that gives them."""

from sandbox.source.cache import cached
from sandbox.source.generate import generate, published
from sandbox.source.server import running, serve

__all__ = ["cached", "generate", "published", "running", "serve"]
