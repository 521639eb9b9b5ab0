# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside lldb: open every file that $TRIALS_LIST names (one a line), and print a line of JSON for each.

    {"file": str, "error": str}, or
    {"file": str, "threads": {tid: {"rip": N, "rsp": N}}, "modules": N, "stack": {tid: hexadecimal digits or null}}

`stack` is what lldb reads at the stack pointer, 16 bytes.
"""
import json
import os

import lldb

U64 = 0xffffffffffffffff


def value(frame, name):
    register = frame.FindRegister(name)
    return register.unsigned & U64 if register.IsValid() else None


def describe(debugger, path):
    target = debugger.CreateTarget("")
    error = lldb.SBError()
    process = target.LoadCore(path, error)
    if not process or not process.IsValid():
        return {"file": path, "error": str(error)}
    threads, stacks = {}, {}
    for thread in process:
        frame = thread.GetFrameAtIndex(0)
        threads[thread.id] = {name: value(frame, name) for name in ("rip", "rsp")}
        data = process.ReadMemory(threads[thread.id]["rsp"] or 0, 16, error)
        stacks[thread.id] = data.hex() if error.Success() and data else None
    told = {"file": path, "threads": threads, "modules": target.GetNumModules(), "stack": stacks}
    debugger.DeleteTarget(target)
    return told


def main():
    debugger = lldb.SBDebugger.Create()
    debugger.SetAsync(False)
    with open(os.environ["TRIALS_LIST"], encoding="utf-8") as f:
        for path in f.read().splitlines():
            print("TRIALS-JSON " + json.dumps(describe(debugger, path)), flush=True)


main()
