"""One GET a task: bare, with checks (CHECKED), or at a fixed rate for each user (RATE)."""

import os

from locust import FastHttpUser, constant_throughput, task

CHECKED, RATE = "CHECKED" in os.environ, float(os.environ.get("RATE") or 0)
USERS = int(os.environ["USERS"])


class Caller(FastHttpUser):
    """A user without pauses, or one that sends its part of the rate."""

    if RATE:
        wait_time = constant_throughput(RATE / USERS)

    @task
    def get(self):
        """One iteration."""
        if not CHECKED:
            self.client.get("/health")
            return
        with self.client.get("/health", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure("status")
            elif not {"status", "service", "version"} <= answer.json().keys():
                answer.failure("promised fields")
