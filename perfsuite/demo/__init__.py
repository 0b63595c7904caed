"""The reference backend as a target for one run, with a private PostgreSQL and Redis where asked for.

client.py (in the suite) starts `python -m perfsuite.demo` (the supervisor), which starts everything else and
stops it when its stdin ends; the janitor, a process of its own, cleans up when the supervisor was killed.
"""
