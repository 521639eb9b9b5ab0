# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's settings that decide what happens at a crash: changed for a while, always put back."""
import contextlib
import fcntl
import os
import signal
import sys
import time

SYSCTL = "/proc/sys/"
PATTERN = "kernel/core_pattern"
PIPE_LIMIT = "kernel/core_pipe_limit"
SUID_DUMPABLE = "fs/suid_dumpable"
USES_PID = "kernel/core_uses_pid"
KEPT = (PATTERN, PIPE_LIMIT, SUID_DUMPABLE, USES_PID)


def get(name):
    with open(SYSCTL + name, encoding="utf-8", errors="surrogateescape") as f:
        return f.read().rstrip("\n")


def put(name, value):
    with open(SYSCTL + name, "w", encoding="utf-8", errors="surrogateescape") as f:
        f.write(str(value) + "\n")


def may_change():
    """None if this process may change core_pattern, else the reason why not."""
    if os.geteuid() != 0:
        return "needs root"
    try:
        put(PATTERN, get(PATTERN))
    except OSError as e:
        return "core_pattern cannot be written here: %s" % e.strerror
    return None


def turn_signals_into_exits():
    """So that an interrupted run leaves through its `finally` clauses, which put settings back."""
    def leave(number, _frame):
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, leave)


@contextlib.contextmanager
def machine_lock():
    """core_pattern is the machine's: with $TRIALS_LOCK, runs that share a machine take turns."""
    path = os.environ.get("TRIALS_LOCK")
    if not path:
        yield
        return
    with open(path, "a", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def crash_settings(**values):
    """Hold the lock, set what is given (pattern=, pipe_limit=, suid_dumpable=), put all back at the end."""
    names = {"pattern": PATTERN, "pipe_limit": PIPE_LIMIT, "suid_dumpable": SUID_DUMPABLE}
    with machine_lock():
        before = {name: get(name) for name in KEPT}
        try:
            for key, value in values.items():
                put(names[key], value)
            yield
        finally:
            for name, value in before.items():
                if get(name) != value:
                    put(name, value)


def wait_until(condition, seconds, step=0.005):
    """The first true value of condition(), or its last false one when the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(step)
