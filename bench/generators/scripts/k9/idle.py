"""Users that log in and then think for half an hour."""

import k9

URL = k9.env["HOST"] + "/api/v1/auth/login"
CHECKS = {"logged in": lambda got: got.status == 200 and "access_token" in got.json()}


async def default():
    """One iteration."""
    account = {"phone_number": f"9500{100_000 + k9.vu.id}", "password": "secret"}
    k9.check(await k9.http.post(URL, json=account), CHECKS)
    await k9.sleep(1800)
