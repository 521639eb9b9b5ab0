# SPDX-License-Identifier: GPL-3.0-or-later
"""Privacy: of secrets planted everywhere not four bytes in a row are in a filtered dump, and every frame is.

$PRIVACY_RUNS says how often, spread evenly over roads and cases. Where nothing else is said each road takes every
fifth case, and another fifth than the roads before it. With $PRIVACY_REPORT the figures of each road are appended to that
file.
"""
import contextlib
import itertools
import os
import re

import inquest
import canaries
import privacy_lab
from trial import Failure, collecting, expect, trial

RUNS = int(os.environ.get("PRIVACY_RUNS", "0"))
LIBRARIES = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64"
LETTERS = ("mrR", "mrRFhuty", "mr")
COMPARED = 10       # of so many runs of a case the frames of one are compared
LEAST = 40          # secrets that a plain dump holds; else nothing was tried
BY_CHANCE = 1e-4    # less likely than this is no chance
SHARE = max(1, -(-RUNS // (len(privacy_lab.ROADS) * 20)))


def frames(context, dump, guessed):
    """[(module, symbol, offset)] of each thread; names of modules without folders. Without `guessed` of another process:
    only those before the first that was found by looking for calls, since what lies around there is chance, as is the
    order of the threads."""
    told = inquest.answers(context.tree, dump, ["~*k 0n400", "q"], ["-i", context.crashers + ":" + LIBRARIES])
    sure = (lambda frame: True) if guessed else (lambda frame: frame["trust"] != "scan")
    found = [[(os.path.basename(f["module"] or ""), f["symbol"], f["offset"])
              for f in itertools.takewhile(sure, t["frames"])] for t in told["~*k 0n400"][0]["threads"]]
    return found if guessed else sorted(found, key=str)


def look_at(road, case, letters, taken, wrong, tally):
    found = canaries.survivors(taken.filtered, taken.secrets, [], tally)
    if found:
        wrong.append("%s, %s: %s" % (case, letters, canaries.describe(found)))
    with open(taken.filtered, "rb") as f:
        if "R" in letters and re.search(rb"/(home|root|tmp|usr|var)/", f.read()):
            wrong.append("%s, %s: a folder is named" % (case, letters))
    if road.compares:
        before, after = (frames(road.context, path, taken.secrets == taken.whole_secrets)
                         for path in (taken.whole, taken.filtered))
        if before != after:
            wrong.append("%s, %s: frames differ: %s, then %s" % (case, letters, [len(t) for t in before],
                                                                  [len(t) for t in after]))


def report(road, tally, wrong):
    path = os.environ.get("PRIVACY_REPORT")
    if path:
        with open(path, "a", encoding="utf-8") as f:
            f.write("%s: %s; %d wrong\n" % (road.name, tally, len(wrong)))


def cases_of(road, kind):
    return road.cases() if RUNS else road.cases()[privacy_lab.ROADS.index(kind)::len(privacy_lab.ROADS)]


def try_case(road, case, letters, wrong, tally):
    taken = road.take(case, letters)
    if road.compares:
        plain = canaries.scan(taken.whole, taken.whole_secrets)
        expect(len(plain) >= LEAST, "%s: the plain dump holds only %d secrets: nothing is tried", case, len(plain))
    look_at(road, case, letters, taken, wrong, tally)
    road.forget(taken)


def hold(context, kind):
    tally = canaries.Tally()
    with collecting() as wrong, contextlib.closing(kind(context)) as road:
        for run in range(SHARE):
            road.compares = run % COMPARED == 0
            with road:
                for number, case in enumerate(cases_of(road, kind)):
                    try_case(road, case, LETTERS[(run + number) % len(LETTERS)], wrong, tally)
        report(road, tally, wrong)
        if tally.p() < BY_CHANCE:
            wrong.append("parts of secrets: " + str(tally))


@trial("privacy.stub.R46-no-secret-and-every-frame")
def stub_road(context):
    hold(context, privacy_lab.Stub)


@trial("privacy.kernel.R46-no-secret-and-every-frame")
def kernel_road(context):
    hold(context, privacy_lab.Kernel)


@trial("privacy.live.R46-no-secret-and-every-frame")
def live_road(context):
    hold(context, privacy_lab.Live)


@trial("privacy.core.R46-no-secret-and-every-frame")
def core_road(context):
    hold(context, privacy_lab.Core)


@trial("privacy.scrub.R46-no-secret-and-every-frame")
def scrub_road(context):
    hold(context, privacy_lab.Scrub)


# Memory that no filter can make harmless: what asks for it beside r is refused, by whoever is asked.
CONTRADICT = ["m%sr%s" % (letter, names) for letter in "fwaAdicp" for names in ("", "R")]


def never_unfiltered(road, letters, wrong):
    """No dump, or a filtered one."""
    try:
        dump, secrets = road.crash("fault", letters)
    except Failure:
        return 0
    found = canaries.survivors(dump, secrets)
    if found:
        wrong.append("%s, %s: %s" % (road.name, letters, canaries.describe(found)))
    return 1


@trial("privacy.letters.r-wins-on-a-terminal")
def r_wins_on_a_terminal(context):
    """Refused with words, and no file is left."""
    with contextlib.closing(privacy_lab.Stub(context)) as road, collecting() as wrong:
        whole, _secrets = road.crash("fault", "m")
        for letters in CONTRADICT:
            to = whole + "." + letters
            _code, said = road.debugger(["-z", whole], [".dump /%s %s" % (letters, to), "q"])
            if os.path.exists(to) or "'%s'" % letters[1] not in said or "'r'" not in said:
                wrong.append("%s: %s" % (letters, said[-200:]))


@trial("privacy.letters.r-wins-in-the-environment")
def r_wins_in_environment(context):
    with contextlib.closing(privacy_lab.Stub(context)) as road, collecting() as wrong:
        road.deadline = 0.5
        for letters in CONTRADICT[:3] + ["marR,snapshot"]:
            never_unfiltered(road, letters, wrong)


@trial("privacy.letters.r-wins-in-the-settings")
def r_wins_in_settings(context):
    """Settings that contradict themselves count as the strictest: there is a dump, and it is filtered."""
    with contextlib.closing(privacy_lab.Kernel(context)) as road, road, collecting() as wrong:
        dumps = sum(never_unfiltered(road, letters, wrong) for letters in CONTRADICT[1::4])
        if dumps != len(CONTRADICT[1::4]):
            wrong.append("only %d dumps" % dumps)
