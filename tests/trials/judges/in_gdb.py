# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside gdb: print what gdb sees in the open core, as one line of JSON behind a marker.

    {"threads": [{"tid": N, "registers": {name: N}, "frames": [FRAME]}], "siginfo": {...} or null}
    FRAME: {"pc": N, "name": str or null, "start": N or null, "kind": "normal" | "inline" | "signal"}

The thread that crashed comes first, as in the core. `start` is where the function begins. Frames beyond
$TRIALS_FRAMES for a thread are left out. With $TRIALS_VECTORS registers have ymm0 to ymm15 too, as 64 hexadecimal
digits in the order of memory.
"""
import json
import os
import re

import gdb

REGISTERS = ("rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags "
             "cs ss ds es fs gs fs_base gs_base").split()
KINDS = {gdb.NORMAL_FRAME: "normal", gdb.INLINE_FRAME: "inline", gdb.SIGTRAMP_FRAME: "signal",
         gdb.TAILCALL_FRAME: "tail"}
LIMIT = int(os.environ.get("TRIALS_FRAMES", "300"))
U64 = 0xffffffffffffffff


def function_start(frame, pc):
    """The function's first address: from debug information, else from the symbol table, else None."""
    try:
        block = frame.block()
        while block and (block.function is None or
                         (block.superblock and block.superblock.function is not None)):
            block = block.superblock
        if block:
            return block.start
    except RuntimeError:
        pass
    where = gdb.execute("info symbol 0x%x" % pc, to_string=True)
    found = re.match(r"(.+?)(?: \+ (\d+))? in section", where)
    return pc - int(found.group(2) or 0) if found else None


def frames_of_selected_thread():
    frames = []
    frame = gdb.newest_frame()
    while frame is not None and len(frames) < LIMIT:
        pc = frame.pc() & U64
        frames.append({"pc": pc, "name": frame.name(), "start": function_start(frame, pc),
                       "kind": KINDS.get(frame.type(), str(frame.type()))})
        try:
            frame = frame.older()
        except gdb.error:
            break
    return frames


def registers():
    values = {}
    frame = gdb.newest_frame()
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    for name in REGISTERS:
        try:
            values[name] = int(frame.read_register(name)) & U64
        except (ValueError, gdb.error):
            pass
    if os.environ.get("TRIALS_VECTORS"):
        values.update(vectors(frame))
    return values


def vectors(frame):
    values = {}
    for number in range(16):
        try:
            value = frame.read_register("ymm%d" % number)["v8_int32"]
            words = [int(value[i]) & 0xffffffff for i in range(8)]
        except (ValueError, gdb.error):
            break
        values["ymm%d" % number] = b"".join(w.to_bytes(4, "little") for w in words).hex()
    return values


def siginfo():
    try:
        value = gdb.parse_and_eval("$_siginfo")
        return {"signo": int(value["si_signo"]), "code": int(value["si_code"]),
                "addr": int(value["_sifields"]["_sigfault"]["si_addr"]) & U64,
                "sender": int(value["_sifields"]["_kill"]["si_pid"])}
    except gdb.error:
        return None


def main():
    threads = []
    signal = siginfo()
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
        thread.switch()
        threads.append({"tid": thread.ptid[1], "registers": registers(),
                        "frames": frames_of_selected_thread()})
    print("TRIALS-JSON " + json.dumps({"threads": threads, "siginfo": signal}))


main()
