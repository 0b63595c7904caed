"""The reference backend as a target for one run, with a private PostgreSQL and Redis on request.

client.py (in the suite) starts `python -m perfsuite.demo`, the supervisor. It starts everything else in a sandbox, a
temporary directory, and stops it when its stdin ends. When the supervisor is killed, Linux kills its children, and the
next demo removes the sandbox.
"""
