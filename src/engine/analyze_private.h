/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the analysis share. */
#ifndef INQ_ENGINE_ANALYZE_PRIVATE_H
#define INQ_ENGINE_ANALYZE_PRIVATE_H

#include "engine/analyze.h"

enum {
	SI_KERNEL_CODE = 0x80,		/* of a general protection fault: no address is told */
	ACCESS_VIOLATION = 0xc0000005u, /* Windows: parameters are the access and the address */
};

/* What the rules look at, beside what they have found so far. */
struct facts {
	struct inq_session *session;
	struct inq_analysis *found;
	struct inq_context context;
	bool has_context;
	bool filtered; /* registers are gone but for their classes */
	uint8_t classes[INQ_CLASSES], fault_class;
	uint64_t sp, pc;
	const struct inq_region *regions;
	size_t region_count;
};

/* Did the target die of this signal, or exception code of Windows? */
bool facts_signal(const struct facts *facts, uint32_t signal);
/* Did it die of an access to memory? */
bool facts_fault(const struct facts *facts);
const struct inq_region *facts_region(const struct facts *facts, uint64_t address);

/* analyze_access.c: address, access, operand and its class. */
void analyze_access(struct facts *facts, const struct inq_exception *exception);
/* analyze_rules.c: the cause and its explanation, out of all other fields. */
void analyze_cause(struct facts *facts);

#endif
