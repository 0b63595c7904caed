"""Before any load: is the target there, is it ours, what does it offer, does every operation work once per role."""
