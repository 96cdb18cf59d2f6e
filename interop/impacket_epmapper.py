#!/usr/bin/env python3
"""Checks an endpoint mapper on port 135 of a host with impacket's DCE/RPC client.

    impacket_epmapper.py HOST

The mapper is to know itself and rpcecho, with the annotations of the example `endpoint_mapper`.
Every check prints a line:

    check Map: passed
    check Lookup: FAILED: ...

The exit code is 0 only if all checks passed.
"""

import sys
import traceback

from impacket.dcerpc.v5 import epm, rpcrt, transport
from impacket.dcerpc.v5.dtypes import NULL, ULONG
from impacket.dcerpc.v5.ndr import NDRCALL
from impacket.uuid import uuidtup_to_bin

ECHO = uuidtup_to_bin(("60a15ec5-4de8-11d7-a637-005056a20182", "1.0"))
UNKNOWN = uuidtup_to_bin(("60a15ec5-4de8-11d7-a637-005056a20183", "1.0"))
NOT_REGISTERED = 0x16C9A0D6
OP_RNG_ERROR = 0x1C010002
CONTEXT_MISMATCH = 0x1C00001A


class LookupHandleFree(NDRCALL):
    opnum = 4
    structure = (("entry_handle", epm.ept_lookup_handle_t),)


class LookupHandleFreeResponse(NDRCALL):
    structure = (("entry_handle", epm.ept_lookup_handle_t), ("status", ULONG))


class AddOne(NDRCALL):
    opnum = 0
    structure = (("in_data", ULONG),)


class AddOneResponse(NDRCALL):
    structure = (("out_data", ULONG),)


class Checks:
    def __init__(self, host):
        self.host = host

    def connect(self):
        dce = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:{self.host}[135]").get_dce_rpc()
        dce.connect()
        dce.bind(epm.MSRPC_UUID_PORTMAP)
        return dce

    def map(self, interface):
        return epm.hept_map(self.host, interface, protocol="ncacn_ip_tcp")

    def lookup(self, dce, handle, count, inquiry=epm.RPC_C_EP_ALL_ELTS, interface=None, versions=1):
        request = epm.ept_lookup()
        request["inquiry_type"] = inquiry
        request["object"] = NULL
        if interface is None:
            request["Ifid"] = NULL
        else:
            request["Ifid"]["Uuid"] = interface[:16]
            request["Ifid"]["VersMajor"] = int.from_bytes(interface[16:18], "little")
            request["Ifid"]["VersMinor"] = int.from_bytes(interface[18:20], "little")
        request["vers_option"] = versions
        request["entry_handle"] = handle
        request["max_ents"] = count
        return dce.request(request)

    def annotations(self, response):
        entries = response["entries"][: response["num_ents"]]
        return [b"".join(entry["annotation"]).rstrip(b"\0").decode() for entry in entries]

    def check_Map(self):
        binding = self.map(ECHO)
        assert binding.startswith(f"ncacn_ip_tcp:{self.host}["), binding

    def check_MapUnknown(self):
        fails(NOT_REGISTERED, lambda: self.map(UNKNOWN))

    def check_Lookup(self):
        entries = epm.hept_lookup(self.host)
        found = {
            entry["annotation"].rstrip(b"\0").decode(): epm.PrintStringBinding(entry["tower"]["Floors"])
            for entry in entries
        }
        assert found["rpcecho"] == self.map(ECHO), found
        assert found["endpoint mapper"] == f"ncacn_ip_tcp:{self.host}[135]", found

    def check_LookupInPieces(self):
        dce, handle, found = self.connect(), epm.ept_lookup_handle_t(), []
        while True:
            response = self.lookup(dce, handle, 1)
            assert response["num_ents"] == 1
            found += self.annotations(response)
            handle = response["entry_handle"]
            if handle.isNull():
                break
        assert found == ["endpoint mapper", "rpcecho"], found

    def check_LookupByInterface(self):
        dce, null = self.connect(), epm.ept_lookup_handle_t()
        response = self.lookup(dce, null, 9, epm.RPC_C_EP_MATCH_BY_IF, ECHO, epm.RPC_C_VERS_EXACT)
        assert self.annotations(response) == ["rpcecho"]

        def look_for_unknown():
            self.lookup(dce, null, 9, epm.RPC_C_EP_MATCH_BY_IF, UNKNOWN)

        fails(NOT_REGISTERED, look_for_unknown)

    def check_LookupHandleFree(self):
        dce = self.connect()
        handle = self.lookup(dce, epm.ept_lookup_handle_t(), 1)["entry_handle"]
        assert not handle.isNull()
        request = LookupHandleFree()
        request["entry_handle"] = handle
        assert dce.request(request)["entry_handle"].isNull()
        fails(CONTEXT_MISMATCH, lambda: self.lookup(dce, handle, 1))

    def check_InquireObject(self):
        dce = self.connect()
        dce.call(5, b"")
        fails(OP_RNG_ERROR, dce.recv)

    def check_Call(self):
        dce = transport.DCERPCTransportFactory(self.map(ECHO)).get_dce_rpc()
        dce.connect()
        dce.bind(ECHO)
        request = AddOne()
        request["in_data"] = 41
        # The last four bytes are no status.
        assert dce.request(request, checkError=False)["out_data"] == 42


def fails(code, call):
    """The call must end with this status or fault."""
    try:
        call()
    except rpcrt.DCERPCException as error:
        assert rpcrt.rpc_status_codes[code] in str(error), error
    else:
        raise AssertionError(f"it ended well, and not with {code:#x}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    checks, failed = Checks(sys.argv[1]), 0
    for name in [name for name in vars(Checks) if name.startswith("check_")]:
        try:
            getattr(checks, name)()
            outcome = "passed"
        except Exception as error:  # pylint: disable=broad-except
            traceback.print_exc()
            failed += 1
            outcome = f"FAILED: {type(error).__name__}: {error}"
        print(f"check {name.removeprefix('check_')}: {outcome}", flush=True)
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
