"""The reference backend of Agent Mitra: what the performance suite is developed and tested against."""
