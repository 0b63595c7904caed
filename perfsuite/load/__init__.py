"""The Locust side: the only package that imports locust, and with it gevent's monkey-patching."""
