/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/dying_private.h"

#include <stdlib.h>
#include <string.h>

/*
 * Two names for one thread. The notes number threads in the process's own PID namespace, /proc and
 * the kernel's arguments in the initial one. In the same namespace they are equal. Else the list
 * may carry both numbers; where it does not, both are handed out in the order of creation, so that
 * the n-th smallest of one is the n-th smallest of the other, which is believed only if the counts
 * agree and the crashed thread fits. Without a pairing the notes' numbers stay, all of them, and
 * names are left out: a wrong name is worse than none.
 */
struct pair {
	uint32_t own; /* as the notes have it */
	const struct inq_dying_thread *listed;
};

static int compare_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_own(const void *a, const void *b)
{
	return compare_u32(((const struct pair *)a)->own, ((const struct pair *)b)->own);
}

static int compare_listed(const void *a, const void *b)
{
	const struct inq_dying_thread *const *left = a, *const *right = b;

	return compare_u32((*left)->tid, (*right)->tid);
}

/* All listed threads carry their own number. */
static bool have_own_numbers(const struct inq_dying_source *source)
{
	for (size_t i = 0; i < source->thread_count; i++) {
		if (!source->threads[i].ns_tid)
			return false;
	}
	return source->thread_count > 0;
}

static uint32_t crashed_own(const struct inq_dying *dying)
{
	if (inq_dying_core_thread_count(&dying->core))
		return inq_dying_core_thread(&dying->core, 0)->tid;
	return dying->source.ns_tid ? dying->source.ns_tid : dying->source.tid;
}

static bool pair_by_rank(const struct inq_dying *dying, struct pair *pairs,
			 const struct inq_dying_thread **listed)
{
	const struct inq_dying_source *source = &dying->source;
	size_t count = source->thread_count;
	struct pair wanted = {.own = crashed_own(dying)};
	const struct pair *crashed;

	if (count != inq_dying_core_thread_count(&dying->core))
		return false;
	for (size_t i = 0; i < count; i++) {
		pairs[i].own = inq_dying_core_thread(&dying->core, i)->tid;
		listed[i] = &source->threads[i];
	}
	qsort(pairs, count, sizeof(*pairs), compare_own);
	qsort(listed, count, sizeof(const struct inq_dying_thread *), compare_listed);
	for (size_t i = 0; i < count; i++)
		pairs[i].listed = listed[i];
	crashed = bsearch(&wanted, pairs, count, sizeof(*pairs), compare_own);
	return crashed && crashed->listed->tid == source->tid;
}

/* Sorted by own number; false if nothing can be paired. */
static bool make_pairs(const struct inq_dying *dying, struct pair *pairs,
		       const struct inq_dying_thread **listed)
{
	const struct inq_dying_source *source = &dying->source;
	bool same = !source->tid || crashed_own(dying) == source->tid;

	if (!same && !have_own_numbers(source))
		return pair_by_rank(dying, pairs, listed);
	for (size_t i = 0; i < source->thread_count; i++) {
		pairs[i].listed = &source->threads[i];
		pairs[i].own = same ? source->threads[i].tid : source->threads[i].ns_tid;
	}
	qsort(pairs, source->thread_count, sizeof(*pairs), compare_own);
	return true;
}

static void set_name(struct inq_thread *thread, const struct inq_dying_thread *listed)
{
	memcpy(thread->name, listed->comm, sizeof(listed->comm));
	thread->name[sizeof(listed->comm) - 1] = '\0';
}

static void fill(struct inq_dying *dying, struct pair *pairs, size_t pair_count)
{
	size_t noted = inq_dying_core_thread_count(&dying->core);

	for (size_t i = 0; i < noted; i++) {
		const struct inq_dying_registers *registers =
			inq_dying_core_thread(&dying->core, i);
		struct inq_thread *thread = &dying->threads[dying->thread_count++];
		struct pair wanted = {.own = registers->tid};
		struct pair *pair =
			bsearch(&wanted, pairs, pair_count, sizeof(*pairs), compare_own);

		thread->tid = registers->tid;
		thread->has_context = registers->has_context;
		thread->tls = registers->tls;
		thread->user_us = registers->user_us;
		thread->kernel_us = registers->kernel_us;
		/* In a live one nobody has, unless a record says so. */
		thread->crashed = i == 0 && (!dying->source.living || dying->source.record);
		if (!pair || !pair->listed)
			continue;
		thread->tid = pair->listed->tid;
		set_name(thread, pair->listed);
		pair->listed = NULL;
	}
	/* Complete notes hold every living thread. What /proc lists beside them has exited: a main thread that
	 * called pthread_exit() has neither registers nor stack, and readers stumble over such a thread. */
	if (noted && !dying->core.problem[0])
		return;
	for (size_t i = 0; i < pair_count; i++) {
		struct inq_thread *thread;

		if (!pairs[i].listed)
			continue;
		thread = &dying->threads[dying->thread_count++];
		thread->tid = pairs[i].listed->tid;
		thread->crashed = noted == 0 && thread->tid == dying->source.tid;
		set_name(thread, pairs[i].listed);
	}
}

enum inq_status inq_dying_threads_make(struct inq_dying *dying, struct inq_error *err)
{
	const struct inq_dying_source *source = &dying->source;
	size_t noted = inq_dying_core_thread_count(&dying->core);
	size_t listed_count = source->thread_count;
	const struct inq_dying_thread **listed =
		calloc(listed_count + 1, sizeof(const struct inq_dying_thread *));
	struct pair *pairs = calloc(listed_count + 1, sizeof(*pairs));

	dying->threads = calloc(noted + listed_count + 1, sizeof(*dying->threads));
	if (!listed || !pairs || !dying->threads) {
		free(listed);
		free(pairs);
		return inq_fail(err, INQ_NO_MEMORY, "threads: out of memory");
	}
	if (make_pairs(dying, pairs, listed))
		fill(dying, pairs, listed_count);
	else
		fill(dying, pairs, 0);
	free(listed);
	free(pairs);
	/* Even where nothing is known but the kernel's arguments, the crashed thread is in the
	 * list. */
	if (dying->thread_count == 0 && source->tid) {
		dying->threads[0] = (struct inq_thread){.tid = source->tid, .crashed = true};
		dying->thread_count = 1;
	}
	if (dying->thread_count == 0)
		return inq_fail(err, INQ_BAD_DATA, "%s: no thread is known", dying->name);
	return INQ_OK;
}
