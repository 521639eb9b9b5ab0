# SPDX-License-Identifier: GPL-3.0-or-later
"""When do two debuggers say the same? Each function returns a list of differences, empty if none."""
import re

ABI_REGISTERS = ("rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip").split()


def without_brackets(name, opening, closing):
    """Drop bracketed parts, however they nest."""
    kept, depth = [], 0
    for c in name:
        if c == opening:
            depth += 1
        elif c == closing and depth:
            depth -= 1
        elif not depth:
            kept.append(c)
    return "".join(kept)


def plain(name):
    """The function's own name, which is what all debuggers agree on: no scopes, arguments, template
    arguments, return type, symbol version or clone suffix; glibc's internal aliases lose what marks them as such."""
    if not name:
        return None
    name = name.replace("(anonymous namespace)::", "").replace("operator()", "operator-call")
    name = re.sub(r"operator\s*(<<|>>|<=>|<=|>=|<|>|->)", "operator-sign", name)
    name = without_brackets(without_brackets(name, "<", ">"), "(", ")")
    name = re.sub(r"\s*(const|\[clone [^]]*\])\s*$", "", name.strip())
    name = re.split(r"::", name.split(" ")[-1])[-1]
    name = name.split("@")[0]
    name = re.sub(r"\.(constprop|isra|part|cold|lto_priv)\.?\d*", "", name)
    name = re.sub(r"^(__GI_)+|_impl$|_2_1$", "", name)
    return name.lstrip("_") or name


def same_function(ours, judges):
    """One of the judges gives the same name, or means the same function by another of its names."""
    for frame in judges:
        if plain(ours.name) == plain(frame.name):
            return True
        if ours.start is not None and frame.start is not None and ours.start == frame.start \
                and not ours.inline and not frame.inline:
            return True
    return False


def same_addresses(ours, theirs):
    return len(ours) == len(theirs) and all(a.pc == b.pc for a, b in zip(ours, theirs))


def stack(ours, judges, limit):
    """Our frames of one thread against each judge's: the same addresses as one of them, frame for frame
    with inline frames counted, and at each frame the name that one of them gives.

    Where two judges disagree with each other, being with one of them is enough; what neither says is wrong.
    """
    ours = ours[:limit]
    stacks = [s[:limit] for s in judges if s is not None]
    like = [s for s in stacks if same_addresses(ours, s)]
    if not like:
        return ["ours %s; judges %s" % (brief(ours), " / ".join(brief(s) for s in stacks))]
    by_pc = {}
    for s in stacks:
        for frame in s:
            by_pc.setdefault(frame.pc, []).append(frame)
    wrong = []
    for i, frame in enumerate(ours):
        here = [s[i] for s in like]
        if not same_function(frame, here) and not same_function(frame, by_pc[frame.pc]):
            wrong.append("frame %d at %#x is %s, judges: %s"
                         % (i, frame.pc, frame.name, ", ".join(str(f.name) for f in here)))
    return wrong


def brief(frames, most=14):
    text = " < ".join("%s:%x" % (plain(f.name) or "?", f.pc) for f in frames[:most])
    return "[%d: %s%s]" % (len(frames), text, " ..." if len(frames) > most else "")


def all_stacks(ours, judges, limit):
    """Every thread that any judge knows, and no other."""
    expected = set().union(*(j.threads for j in judges))
    wrong = []
    if set(ours.threads) != expected:
        wrong.append("threads: only ours %s, only theirs %s" % (
            sorted(set(ours.threads) - expected)[:5], sorted(expected - set(ours.threads))[:5]))
    for tid in sorted(expected & set(ours.threads)):
        differences = stack(ours.threads[tid], [j.threads.get(tid) for j in judges], limit)
        wrong += ["thread %d: %s" % (tid, d) for d in differences]
    return wrong


def registers(ours, theirs, names=tuple(ABI_REGISTERS)):
    """Of each thread whose registers `ours` was asked for."""
    wrong = []
    for tid, values in theirs.registers.items():
        if tid in ours.threads and not ours.registers[tid]:
            continue
        mine = ours.registers.get(tid, {})
        for name in names:
            if name in values and mine.get(name) != values[name]:
                got = mine.get(name)
                wrong.append("thread %d: %s is %s, %s says %#x"
                             % (tid, name, "missing" if got is None else "%#x" % got, theirs.who, values[name]))
    return wrong
