#!/usr/bin/env python3
"""Checks an rpcecho server on ncalrpc with the DCE/RPC client of python3-samba.

    samba_ncalrpc.py SMB.CONF ncalrpc:[NAME]

The socket is NAME in the folder that SMB.CONF calls `ncalrpc dir`. Every check prints a line, and
the last line counts them; the exit code is 0 only if all passed.
"""

import sys
import traceback

from samba.dcerpc import echo, mgmt
from samba.param import LoadParm


ECHO = "60a15ec5-4de8-11d7-a637-005056a20182"


def require(condition, what):
    if not condition:
        raise AssertionError(what)


def add_one(server, _):
    require(server.AddOne(0xFFFFFFFF) == 0, "the largest number wraps")


def echo_data(server, _):
    for size in (0, 1, 5000, 100_000):
        data = [n & 0xFF for n in range(size)]
        require(server.EchoData(data) == data, f"{size} bytes")


def sink_data(server, _):
    server.SinkData([7] * 70_000)


def source_data(server, _):
    data = server.SourceData(70_000)
    require(list(data) == [n & 0xFF for n in range(70_000)], "a pattern of 256 bytes")


def is_listening(_, management):
    status, is_server_listening = management.is_server_listening()
    require((status, is_server_listening) == (0, 1), f"{status} {is_server_listening}")


def interfaces(_, management):
    found = [str(interface.id.uuid) for interface in management.inq_if_ids().if_id]
    require(ECHO in found, f"{found}")


CHECKS = (add_one, echo_data, sink_data, source_data, is_listening, interfaces)


def main():
    configuration, binding = sys.argv[1:]
    parameters = LoadParm()
    parameters.load(configuration)
    server = echo.rpcecho(binding, parameters)
    management = mgmt.mgmt(binding, parameters)
    failed = 0
    for check in CHECKS:
        try:
            check(server, management)
            print(f"check {check.__name__}: passed")
        except Exception:
            failed += 1
            print(f"check {check.__name__}: FAILED: {traceback.format_exc()}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
