"""How much load the target can take: which load to try next, and what the tries say. Pure: no I/O, no clock."""
