# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside lldb: print what lldb sees in the minidump $TRIALS_DUMP, as one line of JSON.

    {"threads": [{"tid": N, "registers": {name: N}, "frames": [{"pc": N, "name": str or null}]}],
                  (a function that another is inlined in shares that one's pc, as with the other judges)
     "stopped": tid, "signal": N, "modules": [{"file": str, "base": N, "uuid": str}]}
"""
import json
import os

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
    frames = []
    while len(frames) < LIMIT:    # num_frames would unwind to the end, which takes lldb long on node
        frame = thread.GetFrameAtIndex(len(frames))
        if not frame.IsValid():
            break
        frames.append(frame)
    told, pc = [], None
    for frame in frames:
        pc = frame.pc if pc is None else pc
        told.append({"pc": pc, "name": frame.GetFunctionName()})
        if not frame.IsInlined():
            pc = None
    return {"tid": thread.id, "registers": registers_of(frames[0]) if frames else {}, "frames": told}


def module(target, m):
    base = m.GetObjectFileHeaderAddress().GetLoadAddress(target)
    return {"file": str(m.file), "base": base & U64, "uuid": m.GetUUIDString()}


def main():
    debugger = lldb.SBDebugger.Create()
    debugger.SetAsync(False)
    for folder in filter(None, os.environ.get("TRIALS_FOLDERS", "").split(":")):
        debugger.HandleCommand("settings append target.exec-search-paths '%s'" % folder)
    target = debugger.CreateTarget("")
    error = lldb.SBError()
    process = target.LoadCore(os.environ["TRIALS_DUMP"], error)
    if not process or not process.IsValid():
        print("lldb does not open it: %s" % error)
        return
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
