// SPDX-License-Identifier: GPL-3.0-or-later
// Crashes amid C++ exceptions, which keep objects on the heap and walk the stack themselves.
#include "secretful.h"

#include <stdexcept>
#include <string>

namespace {

std::string secret(const char *where)
{
	char text[LONGEST + 1];

	fill_text(where, text, 40);
	return text;
}

struct Guarded {
	std::string held = secret("member of an object");
	bool crash;

	explicit Guarded(bool crash) : crash(crash)
	{
	}
	~Guarded()
	{
		if (crash)
			locals(1, last);
	}
};

DEEP void throws(int depth, bool crash)
{
	Guarded guarded(crash && !depth);
	char some[96];

	fill_some("frame that an exception leaves", some);
	KEEP(some);
	if (depth)
		throws(depth - 1, crash);
	else
		throw std::runtime_error(secret("what an exception says"));
	KEEP(some);
}

} // namespace

DEEP void crash_in_catch(void)
{
	try {
		throws(3, false);
	} catch (const std::exception &exception) {
		KEEP(exception.what());
		locals(1, last);
	}
}

DEEP void crash_unwinding(void)
{
	try {
		throws(3, true);
	} catch (...) {
		KEEP(&crash_unwinding);
	}
}

DEEP void crash_uncaught(void)
{
	throws(3, false);
	KEEP(&crash_uncaught);
}
