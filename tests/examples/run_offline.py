"""Runs a program as its user would, in a process whose Python can reach nothing but this machine.

python tests/examples/run_offline.py PROGRAM [ARGUMENT …]
"""

import ipaddress
import os
import runpy
import sys
from pathlib import Path

HERE = {"localhost", b"localhost", None}
LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname"}
CONNECTIONS = {"socket.connect", "socket.sendto", "socket.bind"}


def refuse_other_machines(event, arguments):
    if event in LOOKUPS:
        check(arguments[0], event)
    elif event in CONNECTIONS and isinstance(arguments[1], tuple):  # else a Unix socket's path
        check(arguments[1][0], event)


def check(host, event):
    if host in HERE or is_loopback(host):
        return
    # No exception: somebody might catch it.
    sys.stderr.write(f"{event} of {host!r}: no other machine may be reached\n")
    os._exit(70)


def is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


if __name__ == "__main__":
    sys.addaudithook(refuse_other_machines)
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
