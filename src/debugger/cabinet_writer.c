/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing CABs: the module with libgcab is loaded when it is first needed. */
#include "config.h"

#include "debugger/cabinet_module.h"

#ifdef HAVE_LIBGCAB

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum inq_status cabinet_writable(struct inq_error *err)
{
	(void)err;
	return INQ_OK;
}

/* Where it was installed; of a program that was not (and of the tests, a folder below), the module
 * that was built beside it. */
static void *load_module(void)
{
	static const char *const beside[] = {"/.libs/cab.so", "/../.libs/cab.so"};
	void *module = dlopen(INQ_MODULEDIR "/cab.so", RTLD_NOW | RTLD_LOCAL);
	char path[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - sizeof("/../.libs/cab.so"));
	char *slash;

	path[size > 0 ? size : 0] = '\0';
	slash = strrchr(path, '/');
	for (size_t i = 0; !module && slash && i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(slash, sizeof(path) - (size_t)(slash - path), "%s", beside[i]);
		module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	}
	return module;
}

enum inq_status cabinet_write(const struct cabinet_entry *entries, size_t count, int to,
			      struct inq_error *err)
{
	void *module = load_module();
	cabinet_write_function *write = NULL;

	/* It stays: GLib cannot be unloaded. */
	if (module)
		*(void **)&write = dlsym(module, CABINET_FUNCTION);
	if (!write)
		return inq_fail(err, INQ_UNSUPPORTED,
				"/b: the module that writes CABs is not usable: %s", dlerror());
	return write(entries, count, to, err);
}

#else

enum inq_status cabinet_writable(struct inq_error *err)
{
	return inq_fail(err, INQ_UNSUPPORTED,
			"/b: built without libgcab, so that no CAB can be written (configure "
			"--with-cab; Debian: "
			"libgcab-dev); --compress makes a dump smaller");
}

enum inq_status cabinet_write(const struct cabinet_entry *entries, size_t count, int to,
			      struct inq_error *err)
{
	(void)entries;
	(void)count;
	(void)to;
	return cabinet_writable(err);
}

#endif
