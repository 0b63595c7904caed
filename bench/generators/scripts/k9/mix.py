"""The seven-role mix without pauses: each virtual user logs in, then performs the behaviours of its role in order."""

import json
from pathlib import Path

import k9

HOST = k9.env["HOST"]
MIX = json.loads(Path(k9.env["MIX"]).read_text())


class User:
    """A virtual user that has logged in."""

    def __init__(self, number, role, token):
        self.role, self.turn, self.turns = role, number, {}
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        for behaviour in role["behaviours"]:
            for step in behaviour:
                step["url"] = HOST + step["path"]
                step["data"] = None if step["body"] is None else json.dumps(step["body"]).encode()
                step["checks"] = {"right answer": lambda answer, step=step: right(step, answer)}

    def next_steps(self):
        """The steps that are due."""
        number = self.role["order"][self.turn % len(self.role["order"])]
        self.turn += 1
        turn = self.turns[number] = self.turns.get(number, 0) + 1
        return [step for step in self.role["behaviours"][number] if turn % step["every"] == 0]


def right(step, answer):
    """Status, JSON and promised fields."""
    if answer.status not in step["status"]:
        return False
    body = answer.json()
    for key in step["holder"]:
        body = body[key]
    fields = step["fields"]
    if step["list"] is None:
        return all(name in body for name in fields)
    rows = body[step["list"]] if step["list"] else body
    return isinstance(rows, list) and all(name in row for row in rows for name in fields)


async def log_in():
    """A user with the account of this virtual user."""
    seat = MIX["users"][(k9.vu.id - 1) % len(MIX["users"])]
    answer = await k9.http.post(HOST + "/api/v1/auth/login", json={"phone_number": seat["phone"], "password": "secret"})
    k9.check(answer, {"logged in": lambda got: got.status == 200})
    role = json.loads(json.dumps(MIX["roles"][seat["role"]]).replace("ACCOUNT", seat["phone"]))
    return User(k9.vu.id, role, answer.json()["access_token"])


async def default():
    """One action."""
    state = k9.vu.state
    if "user" not in state:
        state["user"] = await log_in()
    user = state["user"]
    for step in user.next_steps():
        answer = await k9.http.request(step["method"], step["url"], headers=user.headers, data=step["data"])
        k9.check(answer, step["checks"])
