/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char ELLIPSIS[] = "...";

static void mark_cut(struct inq_error *err)
{
	memcpy(err->text + sizeof(err->text) - sizeof(ELLIPSIS), ELLIPSIS, sizeof(ELLIPSIS));
}

/* Format at an offset of the text; returns the text's new length. */
__attribute__((format(printf, 3, 0))) static size_t put(struct inq_error *err, size_t at,
							const char *format, va_list args)
{
	int wanted = vsnprintf(err->text + at, sizeof(err->text) - at, format, args);

	if (wanted < 0)
		return at;
	if (at + (size_t)wanted >= sizeof(err->text)) {
		mark_cut(err);
		return sizeof(err->text) - 1;
	}
	return at + (size_t)wanted;
}

enum inq_status inq_fail(struct inq_error *err, enum inq_status status, const char *format, ...)
{
	va_list args;

	if (!err)
		return status;
	err->status = status;
	err->os_errno = 0;
	va_start(args, format);
	put(err, 0, format, args);
	va_end(args);
	return status;
}

enum inq_status inq_fail_os(struct inq_error *err, const char *format, ...)
{
	int saved = errno;
	enum inq_status status = INQ_OS;
	va_list args;
	size_t at;

	if (saved == EACCES || saved == EPERM)
		status = INQ_DENIED;
	else if (saved == ENOMEM)
		status = INQ_NO_MEMORY;
	if (!err)
		return status;
	err->status = status;
	err->os_errno = saved;
	va_start(args, format);
	at = put(err, 0, format, args);
	va_end(args);
	if (snprintf(err->text + at, sizeof(err->text) - at, ": %s", strerror(saved)) >=
	    (int)(sizeof(err->text) - at))
		mark_cut(err);
	return status;
}

enum inq_status inq_prepend(struct inq_error *err, enum inq_status status, const char *format, ...)
{
	char inner[INQ_ERROR_TEXT];
	va_list args;
	size_t at;

	if (!err)
		return status;
	memcpy(inner, err->text, sizeof(inner));
	err->status = status;
	va_start(args, format);
	at = put(err, 0, format, args);
	va_end(args);
	if (snprintf(err->text + at, sizeof(err->text) - at, ": %s", inner) >=
	    (int)(sizeof(err->text) - at))
		mark_cut(err);
	return status;
}

const char *inq_status_name(enum inq_status status)
{
	static const char *const names[] = {
		[INQ_OK] = "ok",
		[INQ_ABSENT] = "absent",
		[INQ_BAD_DATA] = "bad data",
		[INQ_FAULT] = "fault",
		[INQ_DENIED] = "denied",
		[INQ_LIMIT] = "limit",
		[INQ_UNSUPPORTED] = "unsupported",
		[INQ_NO_MEMORY] = "no memory",
		[INQ_OS] = "system call failed",
		[INQ_USAGE] = "usage",
	};

	if ((unsigned)status >= sizeof(names) / sizeof(names[0]))
		return "unknown status";
	return names[status];
}
