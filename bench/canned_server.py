"""nginx on loopback that gives every operation a canned answer: a target that costs next to nothing.

Only reads and the login. Started as a child, ended by its pid.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from perfsuite.model.role import Call
from perfsuite.target.catalogue import CATALOGUE, Operation
from perfsuite.target.exchange import Request
from tests.target.fake_target import ACCOUNTS, FakeTarget

_LOCATION = "location ~ ^{path}$ {{ default_type application/json; root {folder}; try_files /{file} =404; }}"
_LOGIN = "location = {path} {{ default_type application/json; return 200 '{body}'; }}"
_CONFIG = """
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log crit;
events {{ worker_connections {files}; multi_accept on; }}
http {{
    access_log off;
    keepalive_timeout 3600;
    keepalive_requests 1000000000;
    open_file_cache max=1000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=8192;
        {locations}
    }}
}}
"""
_ROWS = 20
"""Of a policyholder in the list of policies."""
_EXAMPLES = {"region": "north", "status": "active", "offset": "0", "user_id": "user-policyholder"}


def canned_answers(role: str) -> dict[str, bytes]:
    """Operation → body, as a target answers an account of this role. Operations that it is refused are left out."""
    target = FakeTarget()
    for number, policy in enumerate(target.policies.values()):
        # Whichever row a session picks, it gets the one answer there is.
        policy |= {"policy_id": "policy-0"}
        if number < _ROWS:
            policy |= {"policyholder_id": "holder-1", "policyholder_info": {"user_id": "user-policyholder"}}
    account = ACCOUNTS[role]
    body = msgspec.json.encode({"phone_number": account.phone_number, "password": account.password})
    login = target.exchange(Request("POST", CATALOGUE["login"].path, {}, body))
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    found = {"login": login.body}
    for operation in CATALOGUE.values():
        if operation.method == "GET":
            answer = target.exchange(Request("GET", _example(operation), headers))
            if answer.status == 200:
                found[operation.name] = answer.body
    return found


def _example(operation: Operation) -> str:
    known = _EXAMPLES | {"policy_id": "policy-0", "agent_id": "agent-1", "ticket_id": "ticket-0"}
    names = re.findall(r"{(\w+)}", operation.path)
    return operation.path.format_map(Call(path={name: known.get(name, "1") for name in names}).path)


@contextmanager
def canned_server(answers: dict[str, bytes], files: int = 65_536, core: int | None = None) -> Iterator[str]:
    """The address of a server with these answers (operation → body), until the block ends; on one core if given."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if nginx is None:
        raise FileNotFoundError("nginx is needed: apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), _free_port()
        folder.chmod(0o755)
        locations = _locations(answers, folder)
        config = folder / "nginx.conf"
        config.write_text(_CONFIG.format(folder=folder, port=port, files=files, locations="\n        ".join(locations)))
        process = subprocess.Popen([nginx, "-c", str(config), "-p", str(folder)])
        try:
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _locations(answers: dict[str, bytes], folder: Path) -> list[str]:
    found: dict[str, str] = {}
    for name, body in answers.items():
        path = re.sub(r"{\w+}", "[^/?]+", CATALOGUE[name].template)
        if name == "login":
            found[path] = _LOGIN.format(path=path, body=body.decode())
        else:
            (folder / name).write_bytes(body)
            found.setdefault(path, _LOCATION.format(path=path, folder=folder, file=name))
    return sorted(found.values(), key=lambda line: line.count("["))  # the first that matches is taken


def _free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise ChildProcessError("nginx did not start")
