"""The seven-role mix without pauses: each user logs in, then performs the behaviours of its role in order."""

import itertools
import json
import os
from pathlib import Path

from locust import FastHttpUser, task

MIX = json.loads(Path(os.environ["MIX"]).read_text())
NUMBERS = itertools.count()


def right(step, answer):
    """Status, JSON and promised fields."""
    if answer.status_code not in step["status"]:
        return False
    body = answer.json()
    for key in step["holder"]:
        body = body[key]
    fields = step["fields"]
    if step["list"] is None:
        return all(name in body for name in fields)
    rows = body[step["list"]] if step["list"] else body
    return isinstance(rows, list) and all(name in row for row in rows for name in fields)


class RoleUser(FastHttpUser):
    """A user of one of the roles."""

    def on_start(self):
        """Log in."""
        self.turn, self.turns = next(NUMBERS), {}
        seat = MIX["users"][self.turn % len(MIX["users"])]
        account = {"phone_number": seat["phone"], "password": "secret"}
        answer = self.client.post("/api/v1/auth/login", json=account)
        self.headers = {
            "Authorization": f"Bearer {answer.json()['access_token']}",
            "Content-Type": "application/json",
        }
        self.role = json.loads(json.dumps(MIX["roles"][seat["role"]]).replace("ACCOUNT", seat["phone"]))
        for behaviour in self.role["behaviours"]:
            for step in behaviour:
                step["data"] = None if step["body"] is None else json.dumps(step["body"]).encode()

    @task
    def act(self):
        """One action."""
        number = self.role["order"][self.turn % len(self.role["order"])]
        self.turn += 1
        turn = self.turns[number] = self.turns.get(number, 0) + 1
        for step in self.role["behaviours"][number]:
            if turn % step["every"]:
                continue
            with self.client.request(
                step["method"], step["path"], data=step["data"], headers=self.headers, catch_response=True
            ) as answer:
                if not right(step, answer):
                    answer.failure("wrong answer")
