"""Invariants that are checked while the load runs: is what the target answers right, however busy it is?

One module per kind of invariant turns the rules of `perfsuite.target.contract_rules` into checks; `catalogue` lists
them all. A check knows neither sockets nor Locust: it says what to send, hears what came back, and judges it. Load,
`replay` and simulations drive the same checks.
"""
