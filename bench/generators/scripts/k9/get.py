"""One GET with checks an iteration; at a fixed rate of arrivals where RATE is set."""

import k9

URL = k9.env["HOST"] + "/health"
CHECKS = {
    "status is 200": lambda answer: answer.status == 200,
    "promised fields": lambda answer: {"status", "service", "version"} <= answer.json().keys(),
}

options = {}
if k9.env.get("RATE"):
    users = int(k9.env["USERS"])
    options["scenarios"] = {
        "arrivals": {
            "executor": "constant-arrival-rate",
            "rate": int(k9.env["RATE"]),
            "timeUnit": "1s",
            "duration": k9.env["SECONDS"] + "s",
            "preAllocatedVUs": users,
            "maxVUs": users,
        }
    }


async def default():
    """One iteration."""
    k9.check(await k9.http.get(URL), CHECKS)
