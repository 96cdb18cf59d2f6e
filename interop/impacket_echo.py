#!/usr/bin/env python3
"""Checks an rpcecho server on ncacn_ip_tcp with impacket's DCE/RPC client.

    impacket_echo.py HOST PORT                        ten checks, without authentication
    impacket_echo.py HOST PORT --frag 128             the same, requests in small fragments
    impacket_echo.py HOST PORT --big 2000000          the same, more stub data in the largest calls
    impacket_echo.py HOST PORT --level privacy --user U --password P --domain D
    impacket_echo.py HOST PORT --matrix --ndr64       every level and syntax, with and without --frag
    impacket_echo.py HOST 0 --epm                     ask the endpoint mapper on 135 for the port

Every check prints a line, every run of the ten a line that counts them:

    check AddOne: passed
    check EchoData: FAILED: wrong answer for 7 bytes
    level=none syntax=NDR frag=default: 9 passed, 1 failed

The exit code is 0 only if all checks passed.
"""

import argparse
import os
import sys
import time
import traceback

from impacket.dcerpc.v5 import epm, mgmt, rpcrt, transport
from impacket.dcerpc.v5.dtypes import LPWSTR, PUSHORT, ULONG, USHORT, WSTR
from impacket.dcerpc.v5.ndr import NDRCALL, NDRPOINTER, NDRSTRUCT, NDRUniConformantArray
from impacket.uuid import uuidtup_to_bin

ECHO = uuidtup_to_bin(("60a15ec5-4de8-11d7-a637-005056a20182", "1.0"))
NDR = ("8a885d04-1ceb-11c9-9fe8-08002b104860", "2.0")
NDR64 = ("71710533-beba-4937-8319-b5dbef9ccc36", "1.0")

LEVELS = {
    "none": rpcrt.RPC_C_AUTHN_LEVEL_NONE,
    "connect": rpcrt.RPC_C_AUTHN_LEVEL_CONNECT,
    "pkt": rpcrt.RPC_C_AUTHN_LEVEL_PKT,
    "integrity": rpcrt.RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    "privacy": rpcrt.RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
}

# The interface. impacket finds the class of a response by the name of the call's class.


class Bytes(NDRUniConformantArray):
    """[size_is(n)] uint8 data[], moved as a whole: impacket's own way is a loop over the bytes."""

    item = "c"

    def pack(self, field, kind, so_far=0):
        data = bytes(self.fields[field])
        self.setArraySize(len(data))
        return data

    def unpack(self, field, kind, data, offset=0):
        whole = data[offset : offset + self.getArraySize()]
        self.fields[field] = whole
        return len(whole)


class Shorts(NDRUniConformantArray):
    item = "<H"


class PointerToPointer(NDRPOINTER):
    referent = (("Data", PUSHORT),)


class Surrounding(NDRSTRUCT):
    structure = (("x", ULONG), ("surrounding", Shorts))

    def getAlignment(self):
        return 8 if self._isNDR64 else 4


class AddOne(NDRCALL):
    opnum = 0
    structure = (("in_data", ULONG),)


class AddOneResponse(NDRCALL):
    structure = (("out_data", ULONG),)


class EchoData(NDRCALL):
    opnum = 1
    structure = (("len", ULONG), ("in_data", Bytes))


class EchoDataResponse(NDRCALL):
    structure = (("out_data", Bytes),)


class SinkData(NDRCALL):
    opnum = 2
    structure = (("len", ULONG), ("data", Bytes))


class SinkDataResponse(NDRCALL):
    structure = ()


class SourceData(NDRCALL):
    opnum = 3
    structure = (("len", ULONG),)


class SourceDataResponse(NDRCALL):
    structure = (("data", Bytes),)


class TestCall(NDRCALL):
    opnum = 4
    structure = (("s1", WSTR),)


class TestCallResponse(NDRCALL):
    structure = (("s2", LPWSTR),)


class TestSleep(NDRCALL):
    opnum = 6
    structure = (("seconds", ULONG),)


class TestSleepResponse(NDRCALL):
    structure = (("result", ULONG),)


class TestSurrounding(NDRCALL):
    opnum = 8
    structure = (("data", Surrounding),)


class TestSurroundingResponse(NDRCALL):
    structure = (("data", Surrounding),)


class TestDoublePointer(NDRCALL):
    opnum = 9
    structure = (("data", PointerToPointer),)


class TestDoublePointerResponse(NDRCALL):
    structure = (("result", USHORT),)


class NoSuchOperation(NDRCALL):
    opnum = 200
    structure = (("x", ULONG),)


class CheckFailed(Exception):
    """The server answered, and wrongly."""


def expect(condition, complaint):
    if not condition:
        raise CheckFailed(complaint)


def call(connection, request, **fields):
    for name, value in fields.items():
        request[name] = value
    return connection.request(request, checkError=False)


class Checks:
    """The ten checks, in the order in which they run on one connection."""

    def __init__(self, connection, big, ndr64):
        self.connection = connection
        self.big = big
        self.ndr64 = ndr64

    def all(self):
        return (
            ("AddOne", self.add_one),
            ("EchoData", self.echo_data),
            ("SinkData", self.sink_data),
            ("SourceData", self.source_data),
            ("TestCall", self.test_call),
            ("TestSleep", self.test_sleep),
            ("TestSurrounding", self.test_surrounding),
            ("TestDoublePointer", self.test_double_pointer),
            ("UnknownOpnum", self.unknown_opnum),
            ("AlterContext", self.alter_context),
        )

    def add_one(self):
        for value in (0, 1, 9, 0x7FFFFFFE, 0xFFFFFFFE, 0xFFFFFFFF):
            answer = call(self.connection, AddOne(), in_data=value)["out_data"]
            expect(answer == (value + 1) & 0xFFFFFFFF, f"{value} + 1 gives {answer}")

    def echo_data(self):
        for length in (1, 2, 7, 8, 9, 500, 4280, 5000, self.big):
            data = os.urandom(length)
            answer = call(self.connection, EchoData(), len=length, in_data=data)["out_data"]
            expect(answer == data, f"wrong answer for {length} bytes")

    def sink_data(self):
        data = bytes((i + 1) & 255 for i in range(self.big))
        call(self.connection, SinkData(), len=len(data), data=data)

    def source_data(self):
        answer = call(self.connection, SourceData(), len=self.big)["data"]
        expect(answer == bytes(i & 255 for i in range(self.big)), f"wrong data, {len(answer)} bytes")

    def test_call(self):
        text = "input string\x00"
        answer = call(self.connection, TestCall(), s1=text)["s2"]
        expect(answer == text, f"{text!r} comes back as {answer!r}")

    def test_sleep(self):
        """The operation that the server's ACF declares [async]; this client is a synchronous one."""
        start = time.monotonic()
        answer = call(self.connection, TestSleep(), seconds=1)["result"]
        expect(answer == 1, f"1 second comes back as {answer}")
        elapsed = time.monotonic() - start
        expect(elapsed >= 0.99, f"the answer came after {elapsed:.2f} s")

    def test_surrounding(self):
        request = TestSurrounding()
        request["data"]["x"] = 20
        request["data"]["surrounding"] = [0] * 20
        answer = call(self.connection, request)["data"]
        expect(answer["x"] == 40, f"x is {answer['x']}, not 40")
        expect(len(answer["surrounding"]) == 40, f"{len(answer['surrounding'])} elements, not 40")

    def test_double_pointer(self):
        answer = call(self.connection, TestDoublePointer(), data=12)["result"]
        expect(answer == 12, f"12 comes back as {answer}")

    def unknown_opnum(self):
        try:
            call(self.connection, NoSuchOperation(), x=1)
        except rpcrt.DCERPCException as fault:
            expect("nca_s_op_rng_error" in str(fault), f"the wrong fault: {fault}")
        else:
            raise CheckFailed("no fault")

    def alter_context(self):
        """A second presentation context beside the first, and both of them answer."""
        if self.ndr64:
            second = self.connection.alter_ctx(ECHO)
            answer = call(second, AddOne(), in_data=6)["out_data"]
            expect(answer == 7, f"on the second context, 6 + 1 gives {answer}")
        else:
            second = self.connection.alter_ctx(mgmt.MSRPC_UUID_MGMT)
            count = mgmt.hinq_if_ids(second)["if_id_vector"]["count"]
            expect(count >= 1, "the server lists no interface")
        answer = call(self.connection, AddOne(), in_data=41)["out_data"]
        expect(answer == 42, f"on the first context, 41 + 1 gives {answer}")


def connect(options, level, ndr64, frag):
    port = options.port
    if options.epm:
        binding = epm.hept_map(options.host, ECHO, protocol="ncacn_ip_tcp")
        port = int(binding.partition("[")[2].rstrip("]"))
    endpoint = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:{options.host}[{port}]")
    endpoint.set_connect_timeout(options.timeout)
    if level != "none":
        endpoint.set_credentials(options.user, options.password, options.domain)
    connection = endpoint.get_dce_rpc()
    if level != "none":
        connection.set_auth_type(rpcrt.RPC_C_AUTHN_WINNT)
    connection.set_auth_level(LEVELS[level])
    if frag:
        connection.set_max_fragment_size(frag)
    connection.connect()
    endpoint.get_socket().settimeout(options.timeout)
    connection.bind(ECHO, transfer_syntax=NDR64 if ndr64 else NDR)
    return connection


def run(options, level, ndr64, frag):
    """Runs the ten checks on one new connection; true if all passed."""
    title = f"level={level} syntax={'NDR64' if ndr64 else 'NDR'} frag={frag or 'default'}"
    try:
        connection = connect(options, level, ndr64, frag)
    except Exception as error:  # whatever impacket raises, the other runs of a matrix go on
        if options.verbose:
            traceback.print_exc()
        print(f"{title}: FAILED to connect or bind: {error}", flush=True)
        return False
    passed = failed = 0
    for name, check in Checks(connection, options.big, ndr64).all():
        try:
            check()
        except Exception as error:
            failed += 1
            print(f"check {name}: FAILED: {error}", flush=True)
            if options.verbose:
                traceback.print_exc()
        else:
            passed += 1
            print(f"check {name}: passed", flush=True)
    connection.disconnect()
    print(f"{title}: {passed} passed, {failed} failed", flush=True)
    return failed == 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--level", default="none", choices=LEVELS)
    parser.add_argument("--ndr64", action="store_true", help="with --matrix: both syntaxes")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--domain", default="")
    parser.add_argument("--frag", type=int, default=0, help="bytes of stub data in a request fragment")
    parser.add_argument("--big", type=int, default=30000, help="bytes in the largest calls")
    parser.add_argument("--timeout", type=int, default=30, help="seconds to wait for the server")
    parser.add_argument("--matrix", action="store_true")
    parser.add_argument("--epm", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="print tracebacks")
    options = parser.parse_args()
    if options.matrix:
        outcomes = [
            run(options, level, ndr64, frag)
            for ndr64 in ([False, True] if options.ndr64 else [False])
            for level in LEVELS
            for frag in (0, 128)
        ]
        return all(outcomes)
    return run(options, options.level, options.ndr64, options.frag)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
