"""In the load process: what virtual users do → measurements, one record per second, role and operation."""
