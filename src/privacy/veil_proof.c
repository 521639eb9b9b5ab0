/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Proof: frames are walked again from what is shown, and a written dump is what was shown. */
#include "config.h"

#include "privacy/veil_private.h"

#include <stdlib.h>
#include <string.h>

enum { COMPARED = 64 << 10 }; /* bytes of a file's stacks that are compared at once */

static bool is_same(const struct proof *before, const struct inq_frame *after)
{
	return before->sp == after->sp && (before->withheld ? after->pc != 0 : before->pc == after->pc);
}

static size_t same_frames(const struct walked *walked, const struct inq_frames *frames)
{
	size_t same = 0;

	while (same < walked->frame_count && same < frames->count &&
	       is_same(&walked->frames[same], &frames->frames[same]))
		same++;
	return same;
}

static enum inq_status walk_again(struct inq_veil *veil, size_t index, struct inq_error *err)
{
	struct walked *walked = &veil->walked[index];
	struct inq_context raw = {0}, context;
	struct inq_frames frames = {0};
	enum inq_status status;
	size_t same;

	if (!walked->frame_count || veil_raw_context(veil, index, &raw) != INQ_OK)
		return INQ_OK;
	veil_scrub_context(&raw, walked->kept_registers, &context);
	status = inq_unwind(veil->unwinder, &context, INQ_VEIL_FRAMES, &frames, err);
	if (status != INQ_OK)
		return status;
	same = same_frames(walked, &frames);
	walked->differs = same != walked->frame_count || frames.count != walked->frame_count;
	if (walked->differs)
		veil_note(veil, "thread %u: %zu of its %zu frames are found again behind the filter",
			  walked->tid, same, walked->frame_count);
	inq_frames_done(&frames);
	return INQ_OK;
}

/* The unwinder stays until the veil goes: giving its pages back takes as long as both walks, and somebody is held. */
enum inq_status veil_walk_again(struct inq_veil *veil, struct inq_error *err)
{
	enum inq_status status = INQ_OK;

	inq_unwinder_look_at(veil->unwinder, &veil->shown);
	for (size_t i = 0; status == INQ_OK && i < veil->walked_count; i++)
		status = walk_again(veil, i, err);
	return status;
}

/* --- the file ------------------------------------------------------------------------------- */

static bool context_is_shown(struct inq_veil *veil, struct inq_target *written, size_t index)
{
	struct inq_context shown = {0}, found = {0};

	if (inq_target_context(&veil->shown, index, &shown, NULL) != INQ_OK || !shown.size)
		return true; /* a dump has one for every thread, whether it is known or not */
	return inq_target_context(written, index, &found, NULL) == INQ_OK &&
	       found.size == shown.size && memcmp(found.raw, shown.raw, shown.size) == 0;
}

/* What of [base, end) is in the file must be as it is shown; what is not there was cut or could not
 * be read, which the dump says. */
static bool memory_is_shown(struct inq_veil *veil, struct inq_target *written, uint64_t base, uint64_t end,
			    uint8_t *found, uint8_t *shown)
{
	while (base < end) {
		size_t wanted = end - base < COMPARED ? (size_t)(end - base) : COMPARED, have = 0, done = 0;

		if (inq_target_read(written, base, found, wanted, &have, NULL) != INQ_OK || !have)
			return false;
		while (done < have) {
			size_t part = 0;

			if (inq_target_read(&veil->shown, base + done, shown + done, have - done, &part,
					    NULL) != INQ_OK || !part)
				return false;
			done += part;
		}
		if (memcmp(found, shown, have))
			return false;
		base += have;
	}
	return true;
}

/* Code can no longer be asked for once the process is gone; it was never filtered. */
static bool is_filtered(const struct inq_veil *veil, const struct inq_range *range)
{
	const struct inq_region *region = veil_region(veil, range->base);

	return !region || !(region->protection & INQ_PROT_EXEC);
}

static bool all_memory_is_shown(struct inq_veil *veil, struct inq_target *written)
{
	uint8_t *found = malloc(COMPARED), *shown = malloc(COMPARED);
	const struct inq_range *ranges;
	size_t count = 0;
	bool good = found && shown;

	if (inq_target_memory(written, &ranges, &count, NULL) != INQ_OK)
		count = 0;
	for (size_t i = 0; good && i < count; i++)
		good = !is_filtered(veil, &ranges[i]) ||
		       memory_is_shown(veil, written, ranges[i].base, ranges[i].base + ranges[i].size,
				       found, shown);
	free(found);
	free(shown);
	return good;
}

enum inq_status inq_veil_verify(struct inq_veil *veil, struct inq_target *written, size_t *ret_bad,
				struct inq_error *err)
{
	enum inq_status status = inq_veil_prepare(veil, err);
	size_t count = 0;
	const struct inq_thread *threads;

	*ret_bad = 0;
	if (status != INQ_OK || !veil_filters(veil))
		return status;
	for (size_t i = 0; i < veil->walked_count; i++)
		*ret_bad += veil->walked[i].differs;
	if (!written)
		return INQ_OK;
	if (inq_target_threads(written, &threads, &count, NULL) != INQ_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (!context_is_shown(veil, written, i))
			return inq_fail(err, INQ_BAD_DATA,
					"thread %u: the file's registers are not those that may be seen",
					threads[i].tid);
	}
	if (!all_memory_is_shown(veil, written))
		return inq_fail(err, INQ_BAD_DATA, "the file's memory is not what may be seen");
	return INQ_OK;
}
