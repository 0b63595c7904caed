"""A server to be watched: does on its standard input's word what a server does, and says when it is done."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

BURN = "import time\nwhile time.process_time() < {}: pass"


def burn(argument: str) -> None:
    end = time.process_time() + float(argument)
    while time.process_time() < end:
        pass


def child_burns(argument: str) -> None:
    """Comes and goes between two looks."""
    subprocess.run([sys.executable, "-S", "-E", "-c", BURN.format(argument)], check=True)


def child_stays(_argument: str) -> None:
    held.append(subprocess.Popen([sys.executable, "-S", "-E", "-c", "input()"], stdin=subprocess.PIPE))


def zombie(_argument: str) -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def start_threads(argument: str) -> None:
    for _ in range(int(argument)):
        threading.Thread(target=threading.Event().wait, daemon=True).start()


def files(argument: str) -> None:
    held.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(int(argument)))


def switch(argument: str) -> None:
    for _ in range(int(argument)):
        time.sleep(0.0001)


def name(argument: str) -> None:
    Path("/proc/self/comm").write_text(argument)


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


held: list[object] = []
orders = (burn, child_burns, child_stays, zombie, start_threads, files, switch, name)

with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    say(listener.getsockname()[1])
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        next(order for order in orders if order.__name__ == word)(rest)
        say("done")
