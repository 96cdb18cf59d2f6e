#!/usr/bin/env python3
"""Runs tests of Samba's protocol-level suite, as python3-samba ships it, against a server.

usage: raw_protocol.py PORT NAMES

PORT is the server's port on the loopback interface, three digits long, because the suite
compares addresses of that length. NAMES is a file with one test a line. The suite wants a few
environment variables and an smb.conf, which are set here; no authentication takes place.

For each test a line `test NAME: RESULT` is printed, with the reason below it where it did not
pass, and at last `N passed, M failed`. The exit code is 0 if all passed.
"""

import os
import sys
import tempfile
import types
import unittest

SUITE_PORT = 'self.primary_address = "135"'
# Modules that the suite imports and that not every python3-samba has; tests without
# authentication do not use them.
OPTIONAL = {
    "import samba.dcerpc.schannel as schannel": "schannel = None",
    "        cls._setup_test_schannel_invalid()\n": "",
}


def load(name, port):
    """Loads a module of the suite with another port in it."""
    import samba.tests.dcerpc

    path = os.path.join(os.path.dirname(samba.tests.dcerpc.__file__), name + ".py")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = text.replace(SUITE_PORT, f'self.primary_address = "{port}"')
    for old, new in OPTIONAL.items():
        text = text.replace(old, new)
    module = types.ModuleType("samba.tests.dcerpc." + name)
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(compile(text, path, "exec"), module.__dict__)
    return module


class Result(unittest.TestResult):
    """Prints each result as it comes."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.others = 0

    def report(self, test, word, reason=""):
        print(f"test {test._testMethodName}: {word}")
        for line in reason.strip().splitlines()[-3:]:
            print(f"  {line}")

    def addSuccess(self, test):
        self.passed += 1
        self.report(test, "passed")

    def addFailure(self, test, error):
        self.others += 1
        self.report(test, "failed", self._exc_info_to_string(error, test))

    def addError(self, test, error):
        if not isinstance(test, unittest.TestCase):
            raise error[1]
        self.others += 1
        self.report(test, "error", self._exc_info_to_string(error, test))

    def addSkip(self, test, reason):
        self.others += 1
        self.report(test, "skipped", reason)


def main():
    if len(sys.argv) != 3 or len(sys.argv[1]) != 3:
        sys.exit(__doc__)
    port = int(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        names = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    with tempfile.TemporaryDirectory() as folder:
        configuration = os.path.join(folder, "client.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write("[global]\n  interfaces = lo\n")
            for setting in ("private dir", "lock directory", "state directory", "cache directory", "pid directory"):
                file.write(f"  {setting} = {folder}\n")
        os.environ.update(
            SERVER="127.0.0.1", TARGET_HOSTNAME="localhost", SMB_CONF_PATH=configuration,
            USERNAME="nobody", PASSWORD="none", DOMAIN="NONE", REALM="NONE.TEST", IGNORE_RANDOM_PAD="1",
        )
        import samba.tests  # noqa: F401  the suite's modules expect it

        load("raw_testcase", port)
        suite = load("raw_protocol", port).TestDCERPC_BIND
        result = Result()
        unittest.TestSuite(suite(name) for name in names).run(result)
    print(f"{result.passed} passed, {result.others} failed")
    sys.exit(0 if result.passed == len(names) else 1)


if __name__ == "__main__":
    main()
