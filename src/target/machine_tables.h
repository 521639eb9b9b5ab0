/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * What machine.c needs from each machine_<name>.c, and nobody else: the table behind
 * inq_machine_info().
 *
 * Adding a processor is adding one file with one struct inq_machine_table and one row in machine.c.
 */
#ifndef INQ_TARGET_MACHINE_TABLES_H
#define INQ_TARGET_MACHINE_TABLES_H

#include "target/machine.h"

#include <string.h>

/* Another name for a register, or for a part of one. */
struct inq_register_alias {
	const char *name;
	const char *of; /* name in the machine's table */
	uint8_t shift;	/* bits */
	uint8_t size;	/* bytes; 0: the whole register */
};

struct inq_machine_table {
	struct inq_machine_info info;
	const struct inq_register_alias *aliases;
	size_t alias_count;
	uint16_t flags_offset;	 /* of ContextFlags */
	uint32_t machine_flag;	 /* in ContextFlags, says whose CONTEXT it is */
	uint32_t class_flags[6]; /* by enum inq_register_class: any of these bits says that it is
				    valid */

	bool (*from_prstatus)(const void *regs, size_t regs_size, const void *fp, size_t fp_size,
			      struct inq_context *ret, uint64_t *ret_tls);
	bool (*from_mcontext)(const void *mcontext, size_t size, const void *fp, size_t fp_size,
			      struct inq_context *ret);
};

extern const struct inq_machine_table inq_machine_x86, inq_machine_amd64, inq_machine_arm,
	inq_machine_arm64;

/* Place a little-endian value in raw, and take one out of bytes; targets and hosts are
 * little-endian. */
static inline void inq_put16(uint8_t *raw, size_t offset, uint16_t value)
{
	memcpy(raw + offset, &value, sizeof(value));
}

static inline void inq_put32(uint8_t *raw, size_t offset, uint32_t value)
{
	memcpy(raw + offset, &value, sizeof(value));
}

static inline void inq_put64(uint8_t *raw, size_t offset, uint64_t value)
{
	memcpy(raw + offset, &value, sizeof(value));
}

static inline uint16_t inq_get16(const void *bytes, size_t offset)
{
	uint16_t value;

	memcpy(&value, (const uint8_t *)bytes + offset, sizeof(value));
	return value;
}

static inline uint32_t inq_get32(const void *bytes, size_t offset)
{
	uint32_t value;

	memcpy(&value, (const uint8_t *)bytes + offset, sizeof(value));
	return value;
}

static inline uint64_t inq_get64(const void *bytes, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)bytes + offset, sizeof(value));
	return value;
}

#endif
