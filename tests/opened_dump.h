/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A dump of bytes or of a builder, opened as 'a.dmp' for a test. */
#ifndef TESTS_OPENED_DUMP_H
#define TESTS_OPENED_DUMP_H

#include "dump_builder.h"
#include "minidump/reader.h"

#include <criterion/criterion.h>

/* What is open in a test. */
struct opened {
	struct inq_file *file;
	struct inq_dump *dump;
	struct inq_error err;
};

static inline enum inq_status try_open(struct opened *opened, const void *bytes, size_t size)
{
	*opened = (struct opened){0};
	cr_assert_eq(inq_file_open_bytes(bytes, size, "a.dmp", &opened->file, &opened->err),
		     INQ_OK);
	return inq_dump_open(opened->file, &opened->dump, &opened->err);
}

static inline void open_built(struct opened *opened, struct builder *builder)
{
	builder_finish(builder);
	cr_assert_eq(try_open(opened, builder->bytes.data, builder->bytes.size), INQ_OK, "%s",
		     opened->err.text);
}

static inline void close_all(struct opened *opened, struct builder *builder)
{
	inq_dump_close(opened->dump);
	inq_file_close(opened->file);
	builder_done(builder);
}

#endif
