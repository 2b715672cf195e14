"""Takes from the worker's own process what a decoder does not need: network, files, and its parent's company.

Called by ``worker.py`` at its start, before it has seen a file. Every step is one that the kernel grants without
privileges, and is passed over where it does not (containers, old kernels, other systems): the limits of
``worker.py`` and the lack of anything worth reading are what remains then.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from contextlib import suppress

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

# linux/landlock.h; the numbers of the calls are the same on every architecture but alpha.
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_VERSION = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many kinds of access to files each version can forbid; 16 from the fifth on."""
_CONNECT_AND_BIND_TCP = 0b11

_PROGRAMS = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts")
"""Where libraries and fonts are: public, and wanted by decoders that load a part of themselves late."""


def leave_network() -> None:
    """A network namespace of its own, in which not even loopback is up. Needs to come before any thread."""
    if sys.platform == "linux":
        _libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def die_with_parent(parent: int) -> None:
    """To be called after ``leave_network``, which has the kernel forget it. Ends the process if it is too late."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)


def leave_files() -> None:
    """From here on this thread, and those that it starts, open no file but Python's own and system libraries.

    Files that are open stay open. Nothing can be executed, either. By Landlock, where the kernel has it.
    """
    if sys.platform != "linux":
        return
    libc = _libc()
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < 1:
        return
    forbidden = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("=Q", forbidden)
    if version >= 4:
        attributes += struct.pack("=Q", _CONNECT_AND_BIND_TCP)
    rules = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return
    for path in {*_PROGRAMS, sys.prefix, sys.base_prefix, *sys.path} - {""}:
        _allow_reading(libc, rules, path)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0)
    os.close(rules)


def limit(resource: str, soft: int, hard: int | None = None) -> None:
    """Sets a limit of ``getrlimit(2)``, ``AS`` or ``CPU`` for instance, where the system has it and allows it."""
    import resource as limits

    number = getattr(limits, f"RLIMIT_{resource}", None)
    with suppress(OSError, ValueError):
        if number is not None:
            limits.setrlimit(number, (soft, limits.getrlimit(number)[1] if hard is None else hard))


def leave_streams() -> None:
    """The standard streams lead nowhere from here on."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


def _allow_reading(libc: ctypes.CDLL, rules: int, path: str) -> None:
    with suppress(OSError):
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rights = _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE
        libc.syscall(_LANDLOCK_ADD_RULE, rules, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, beneath), 0)
        os.close(beneath)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
