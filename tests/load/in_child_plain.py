"""Parts of plain Locust's master and workers, in a process with gevent and Locust."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import gevent  # noqa: E402
from gevent.event import Event  # noqa: E402
from locust import User  # noqa: E402
from locust.env import Environment  # noqa: E402

from perfsuite.load.dispatcher import users_by_kind  # noqa: E402
from perfsuite.load.install import counted_by_locust  # noqa: E402
from perfsuite.load.plain_master import PlainChannel  # noqa: E402
from perfsuite.load.plain_worker import RunningUsers  # noqa: E402
from perfsuite.load.rpc import rpc_message  # noqa: E402
from perfsuite.load.users import user_classes  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from tests.load.child import report  # noqa: E402

WITHIN_S = 60.0


class OwnUser(User):
    """Of somebody else's."""

    weight = 9


def sent_options() -> dict[str, object]:
    """What a worker gets of the master's options."""
    channel = PlainChannel("a token for this test")
    server = channel.Server("127.0.0.1", 0)
    client = channel.Client("127.0.0.1", server.port, "worker")
    with gevent.Timeout(WITHIN_S):
        client.send(rpc_message("client_ready", None, "worker"))
        server.recv_from_client()
        options = {"header": ["X-Key: secret"], "password": "secret", "tags": ["fast"], "expect_workers": 2}
        server.send_to_client(rpc_message("spawn", {"parsed_options": options, "host": "h"}, "worker"))
        data = client.recv().data
    server.close()
    client.close()
    return {"options": data["parsed_options"], "host": data["host"]}


class Member:
    """A user as its group sees it."""

    def __init__(self, name: str) -> None:
        self.name, self.leaving, self.end = name, False, Event()

    @staticmethod
    def run(user: Member) -> None:
        user.end.wait()


def running_users() -> dict[str, list[str]]:
    """Who is counted."""
    group, users = RunningUsers(), [Member(name) for name in "abcd"]
    for user in users:
        group.add(gevent.spawn(Member.run, user))
    gevent.sleep(0)

    def names() -> list[str]:
        return [greenlet.args[0].name for greenlet in group]

    found = {"all": names()}
    users[2].leaving = True
    found["one leaves"] = names()
    group.with_leaving = True
    found["with those that leave"] = names()
    users[3].end.set()
    gevent.sleep(0.01)
    found["one has ended"] = names()
    gevent.killall(list(group))
    return found


def reported_count() -> int:
    """Locust's count in a worker that has reported 7 of 12 requests."""
    environment = Environment()
    for _request in range(5):
        environment.stats.log_request("GET", "leads.list", 3, 10)
    environment.agentmitra_reported = 7
    return counted_by_locust(environment)


def mix() -> dict[str, int]:
    """100 users of the roles and of one class of somebody else's."""
    return users_by_kind(100, [OwnUser, *user_classes(ROLES)])


report({"options": sent_options(), "users": running_users(), "count": reported_count(), "mix": mix()})
