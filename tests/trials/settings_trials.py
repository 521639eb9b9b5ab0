# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that nobody can be asked about: what cannot be known is the strictest, and still a dump."""
import os

import inquest
import kernel
import minidump
import privacy_lab
from trial import collecting, expect, trial

# The settings file, what the dump was asked to be, what it says beside that.
SETTINGS = (
    (b"dump = mfw\nno-such-setting = 1\n", "mrR", "for fw beside"),
    (b"dump = mahR\nno-such-setting = 1\n", "mFhrRtu", "for a beside"),
    (b"dump = mwrF\n", "mFrR", "for w beside"),
    (b"dump = mR\nno-such-setting = 1\n", "mrR", None),
)
# MINIDUMP_TYPE's bits, and the stream of full memory.
FLAGS = {"f": 0x2, "h": 0x4, "r": 0x8, "u": 0x20, "R": 0x80, "w": 0x200, "F": 0x800, "t": 0x1000}
MEMORY64 = 9
LEFT_OUT = "beside a filter, which cannot filter that: left out"


@trial("privacy.kernel.settings-that-contradict-themselves")
def contradicting(context):
    with privacy_lab.Kernel(context) as here, collecting() as wrong:
        for text, letters, dropped in SETTINGS:
            here.write(text)
            process = here.lab.start([here.lab.program("crashme"), "threads"])
            process.wait(20)
            found = kernel.wait_until(lambda p=process: [d for d in here.tree.dumps()
                                                         if ".%d." % p.pid in os.path.basename(d)], 10)
            expect(found, "%s: no dump", text)
            told = inquest.answers(here.tree, found[0], ["~*k", "q"])
            _code, words = here.debugger(["-z", found[0]], ["vertarget", "q"])
            dump = minidump.Dump(found[0])
            flags, has = dump.flags, set(dump.streams)
            dump.close()
            os.unlink(found[0])
            threads = told["~*k"][0]["threads"]
            if len(threads) < 2 or min(len(t["frames"]) for t in threads) < 3:
                wrong.append("%s: frames of each thread: %s" % (text, [len(t["frames"]) for t in threads]))
            if (LEFT_OUT in words) != bool(dropped) or (dropped and dropped not in words):
                wrong.append("%s: the dump says: %s" % (text, words[-400:]))
            for letter, flag in FLAGS.items():
                if (letter in letters) != bool(flags & flag):
                    wrong.append("%s: %s is not as in %s" % (text, letter, letters))
            if MEMORY64 in has:
                wrong.append("%s: all memory is there" % text)
