/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target/warnings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void inq_warn(struct inq_warnings *warnings, const char *format, ...)
{
	char text[INQ_ERROR_TEXT];
	va_list args;

	if (warnings->count == INQ_WARNINGS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	warnings->texts[warnings->count] = strdup(text);
	if (warnings->texts[warnings->count])
		warnings->count++;
}

void inq_warn_error(struct inq_warnings *warnings, const struct inq_error *err)
{
	if (err->status != INQ_OK && err->status != INQ_ABSENT)
		inq_warn(warnings, "%s", err->text);
}

enum inq_status inq_warnings_get(const struct inq_warnings *warnings, size_t index,
				 const char **ret)
{
	if (index >= warnings->count)
		return INQ_ABSENT;
	*ret = warnings->texts[index];
	return INQ_OK;
}

void inq_warnings_done(struct inq_warnings *warnings)
{
	for (size_t i = 0; i < warnings->count; i++)
		free(warnings->texts[i]);
	memset(warnings, 0, sizeof(*warnings));
}
