# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs with lldb's Python module: print what lldb sees in a minidump, as one line of JSON.

    in_lldb.py DUMP

    {"threads": [{"tid": N, "registers": {name: N}, "frames": [{"pc": N, "name": str or null}]}],
     "stopped": tid, "signal": N, "modules": [{"file": str, "base": N, "uuid": str}]}
"""
import json
import os
import sys

import lldb

U64 = 0xffffffffffffffff
LIMIT = int(os.environ.get("TRIALS_FRAMES", "300"))


def registers_of(frame):
    values = {}
    for group in frame.registers:
        for register in group:
            if register.GetNumChildren() == 0 and register.value is not None:
                values[register.name] = register.unsigned & U64
    return values


def describe(thread):
    frames = [thread.GetFrameAtIndex(i) for i in range(min(thread.num_frames, LIMIT))]
    return {"tid": thread.id,
            "registers": registers_of(frames[0]) if frames else {},
            "frames": [{"pc": f.pc, "name": f.GetFunctionName()} for f in frames]}


def module(target, m):
    base = m.GetObjectFileHeaderAddress().GetLoadAddress(target)
    return {"file": str(m.file), "base": base & U64, "uuid": m.uuid}


def main():
    debugger = lldb.SBDebugger.Create()
    debugger.SetAsync(False)
    target = debugger.CreateTarget("")
    error = lldb.SBError()
    process = target.LoadCore(sys.argv[1], error)
    if not process or not process.IsValid():
        sys.exit("lldb does not open it: %s" % error)
    stopped = [t for t in process if t.GetStopReason() in (lldb.eStopReasonSignal, lldb.eStopReasonException)]
    first = stopped[0] if stopped else None
    print("TRIALS-JSON " + json.dumps({
        "threads": [describe(t) for t in process],
        "stopped": first.id if first else None,
        "reason": first.GetStopDescription(256) if first else None,
        "signal": first.GetStopReasonDataAtIndex(0) if first else None,
        "modules": [module(target, m) for m in target.module_iter()],
    }))


main()
