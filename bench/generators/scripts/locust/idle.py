"""Users that log in and then think for half an hour."""

import itertools

from locust import FastHttpUser, constant, task

NUMBERS = itertools.count()


class Idle(FastHttpUser):
    """A user that has logged in."""

    wait_time = constant(1800)

    @task
    def log_in(self):
        """One iteration."""
        account = {"phone_number": f"9500{100_000 + next(NUMBERS)}", "password": "secret"}
        with self.client.post("/api/v1/auth/login", json=account, catch_response=True) as answer:
            if answer.status_code != 200 or "access_token" not in answer.json():
                answer.failure("not logged in")
