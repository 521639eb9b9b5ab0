# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user can do with the program that is set-user-ID root: inherited states, arguments, places, limits of the
account, time. Beside stub_hold.py, which stops it on its way.

R numbers are those of the requirements that the trials stand for.
"""
