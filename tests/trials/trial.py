# SPDX-License-Identifier: GPL-3.0-or-later
"""What a trial is: a named function that returns, or raises Skip or Failure with the reason."""
import contextlib
import dataclasses
import subprocess
import time
import traceback
import typing


class Skip(Exception):
    """The trial cannot be held here; the reason says what is lacking."""


class Failure(Exception):
    """What was seen is not what was promised."""


@dataclasses.dataclass
class Trial:
    """`crash` is the row of crashes.py that the trial needs evidence of, or None."""
    name: str
    run: typing.Callable
    crash: typing.Optional[str] = None


REGISTRY: typing.List[Trial] = []


def trial(name):
    """Decorator: register a function that takes the Context."""
    def register(function):
        REGISTRY.append(Trial(name, function))
        return function
    return register


def expect(condition, words, *values):
    if not condition:
        raise Failure(words % values if values else words)


def no_differences(differences):
    if differences:
        more = "" if len(differences) <= 4 else " (and %d more)" % (len(differences) - 4)
        raise Failure("; ".join(differences[:4]) + more)


@contextlib.contextmanager
def collecting():
    """Gives a list for what is wrong; anything in it at the end is the failure."""
    wrong = []
    yield wrong
    no_differences(wrong)


def judge(item, context):
    """(outcome, words, seconds) of one trial; outcome is 'ok', 'FAIL' or 'skip'."""
    start = time.monotonic()
    try:
        item.run(context)
        return "ok", "", time.monotonic() - start
    except Skip as reason:
        return "skip", str(reason), time.monotonic() - start
    except Failure as reason:
        return "FAIL", str(reason), time.monotonic() - start
    except subprocess.TimeoutExpired as e:
        return "FAIL", "no end within %s s: %s" % (e.timeout, e.cmd), time.monotonic() - start
    except Exception as e:    # a trial that breaks has failed; the others go on
        last = traceback.extract_tb(e.__traceback__)[-1]
        return "FAIL", "%s: %s (%s:%d)" % (type(e).__name__, e, last.filename.rsplit("/", 1)[-1], last.lineno), \
            time.monotonic() - start
