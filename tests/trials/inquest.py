# SPDX-License-Identifier: GPL-3.0-or-later
"""Our debugger as a witness: what it says of a file, in the form of the judges' testimonies.

Asked with --json, and judged as any other: by threads, addresses, names and registers.
"""
import json

import judges

REGISTERS_OF = 40    # threads, at most, that are asked for their registers one by one


def answers(tree, path, commands, more=()):
    """{command: object} of one run; a command that was given twice keeps both as a list under its name."""
    done = judges.run([tree.debugger, "--json", *more, "-z", path, "-c", "; ".join(commands)])
    told = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            answer = json.loads(line)
            told.setdefault(answer["command"], []).append(answer)
    if done.returncode != 0 or not told:
        raise judges.JudgeFailed("inquest -z: status %d: %s" % (done.returncode, (done.stderr or done.stdout)[-400:]))
    return told


def number(text):
    return int(text, 0) if text is not None else None


def frame(told):
    pc = number(told["pc"])
    start = None
    if not told["inline"] and told["symbol"] and told["offset"] is not None:
        start = pc - number(told["offset"])
    return judges.Frame(pc, told["symbol"], start, told["inline"], told["trust"], told["module"])


def testimony(tree, path, limit, more=()):
    told = answers(tree, path, [".lastevent", "~*k 0n%d" % limit, "q"], more)
    threads = told["~*k 0n%d" % limit if "~*k 0n%d" % limit in told else "~*k"][0]["threads"]
    event = told[".lastevent"][0]["event"]
    ours = judges.Testimony("inquest")
    ours.facts.update(crashed=event["tid"], signal=event.get("signal"), event=event)
    asked = [t["index"] for t in threads][:REGISTERS_OF]
    commands = [command for index in asked for command in ("~%ds" % index, "r")]
    shown = answers(tree, path, [*commands, "q"], more)["r"]
    registers = {index: {name: number(value) for name, value in answer["registers"].items()}
                 for index, answer in zip(asked, shown)}
    for thread in threads:
        ours.add(thread["tid"], [frame(f) for f in thread["frames"]], registers.get(thread["index"]))
    return ours
