/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "privacy/veil.h"

#include "target/target.h"

#include <stdlib.h>

struct inq_veil {
	struct inq_veil_policy policy;
	struct inq_target
		*shown; /* what may be seen; the target itself where the policy shows everything */
};

static enum inq_status refuse(char letter, const char *what, struct inq_error *err)
{
	return inq_fail(err, INQ_UNSUPPORTED,
			"%c: this version cannot %s, so no dump is written; leave the letter out "
			"only if the dump "
			"may hold them",
			letter, what);
}

enum inq_status inq_veil_new(struct inq_target *target, const struct inq_veil_policy *policy,
			     struct inq_veil **ret, struct inq_error *err)
{
	struct inq_veil_policy stated = policy ? *policy : (struct inq_veil_policy){0};
	struct inq_veil *veil;

	/* Anything but a filter that is known to be off counts as on: damaged policies are strict
	 * ones. */
	if (stated.stack != INQ_VEIL_STACK_WHOLE)
		return refuse('r', "filter what programs keep on their stacks", err);
	if (stated.names != INQ_VEIL_NAMES_FULL)
		return refuse('R', "filter the folders in names of files", err);
	veil = calloc(1, sizeof(*veil));
	if (!veil)
		return inq_fail(err, INQ_NO_MEMORY, "veil: out of memory");
	veil->policy = stated;
	veil->shown = target;
	*ret = veil;
	return INQ_OK;
}

void inq_veil_free(struct inq_veil *veil)
{
	free(veil);
}

struct inq_target *inq_veil_target(struct inq_veil *veil)
{
	return veil->shown;
}

const struct inq_veil_policy *inq_veil_policy(const struct inq_veil *veil)
{
	return &veil->policy;
}
