"""The reference backend, seeded once."""

from tests.backend.conftest import Serve, api, serve, template

__all__ = ["Serve", "api", "serve", "template"]
