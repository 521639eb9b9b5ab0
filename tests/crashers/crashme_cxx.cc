// SPDX-License-Identifier: GPL-3.0-or-later
// C++ deaths: an uncaught exception, a pure virtual call, a crash in a catch block and in a destructor that
// an exception runs. Names are mangled, templates and lambdas among them.
#include <cstdio>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace crashing {

volatile int after;
int *volatile nothing;

struct fragile {
	__attribute__((noinline)) ~fragile()
	{
		*nothing = 1;
		after = after + 1;
	}
};

struct base {
	base() { indirectly(); }
	virtual ~base() = default;
	virtual void pure() = 0;
	__attribute__((noinline)) void indirectly()
	{
		pure();
		after = after + 1;
	}
};

struct derived : base {
	void pure() override { after = after + 1; }
};

template <typename T> __attribute__((noinline)) void thrower(const std::vector<T> &values)
{
	after = after + 1;
	if (values.size() < 100)
		throw std::runtime_error("thrown on purpose");
}

__attribute__((noinline)) static void in_destructor()
{
	fragile f;
	thrower<std::string>({ "a", "b" });
	after = after + 1;
}

__attribute__((noinline)) static void in_catch()
{
	try {
		thrower<int>({ 1, 2, 3 });
	} catch (const std::exception &e) {
		*nothing = e.what()[0];
		after = after + 1;
	}
}

__attribute__((noinline)) static void in_lambda()
{
	std::function<void(int)> callback = [](int x) {
		*nothing = x;
		after = after + 1;
	};
	callback(42);
	after = after + 1;
}

}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (!std::strcmp(mode, "uncaught"))
		crashing::thrower<double>({ 1.0 });
	else if (!std::strcmp(mode, "pure-virtual"))
		crashing::derived d;
	else if (!std::strcmp(mode, "in-destructor"))
		try { crashing::in_destructor(); } catch (...) { }
	else if (!std::strcmp(mode, "in-catch"))
		crashing::in_catch();
	else if (!std::strcmp(mode, "in-lambda"))
		crashing::in_lambda();
	std::puts("uncaught\npure-virtual\nin-destructor\nin-catch\nin-lambda");
	return 2;
}
