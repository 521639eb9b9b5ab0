/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A target that is another one but for its exception: `.dump /j`, `/xc`, `/xr`, `/xp`, `/xt`.
 */
#ifndef INQ_TARGET_OVERRIDE_H
#define INQ_TARGET_OVERRIDE_H

#include "target/target.h"

struct inq_override {
	struct inq_exception exception; /* whose tid is a thread of the target */
	bool has_context;
	struct inq_context context;     /* else the thread's */
};

/**
 * @inner  borrowed; must outlive the new target
 * @what   copied
 * @ret    inq_target_free(), which leaves the inner one alone
 *
 * INQ_USAGE: the target has no such thread. INQ_NO_MEMORY.
 */
enum inq_status inq_target_override(struct inq_target *inner, const struct inq_override *what, struct inq_target **ret,
				    struct inq_error *err);

#endif
