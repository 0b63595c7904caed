"""The target's API as data and checks, and the session that talks to it over any transport."""
