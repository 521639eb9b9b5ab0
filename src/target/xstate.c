/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/xstate.h"

#include <string.h>

/* Components in the standard form, Intel SDM volume 1, 13.4.3 and CPUID leaf 0xd as processors answer it: number,
 * bytes, offset on Intel's, offset on AMD's (0: not there). */
static const struct component {
	uint8_t number;
	uint16_t size, intel, amd;
} components[] = {
	{2, 256, 576, 576},   /* AVX: upper halves of ymm */
	{3, 64, 960, 0},      /* MPX: bounds */
	{4, 64, 1024, 0},     /* MPX: its configuration */
	{5, 64, 1088, 832},   /* AVX-512: masks */
	{6, 512, 1152, 896},  /* AVX-512: upper halves of zmm0 to zmm15 */
	{7, 1024, 1664, 1408}, /* AVX-512: zmm16 to zmm31 */
	{9, 8, 2688, 2432},   /* protection keys */
	{17, 64, 2752, 0},    /* AMX: its configuration */
	{18, 8192, 2816, 0},  /* AMX: tiles */
};

enum { BV = INQ_XSTATE_LEGACY, AVX512 = 0xe0, FXSAVE_IN_CONTEXT = 0x100 };

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

/* Only AMD's ends so early with everything that is enabled. */
static bool is_amd(uint64_t enabled, size_t size)
{
	size_t need = 0;

	for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		if (enabled >> components[i].number & 1)
			need = components[i].intel + components[i].size;
	}
	return size < need;
}

static void set_features(struct inq_xstate *ret, size_t size)
{
	bool amd = is_amd(ret->enabled, size);

	ret->features[0] = (struct inq_xstate_feature){0, 160};
	ret->features[1] = (struct inq_xstate_feature){160, 256};
	for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		const struct component *component = &components[i];
		uint32_t offset = amd ? component->amd : component->intel;

		if (!(ret->enabled >> component->number & 1) || !offset || offset + component->size > size)
			continue;
		ret->features[component->number] = (struct inq_xstate_feature){offset, component->size};
	}
}

bool inq_xstate_read(const uint8_t *bytes, size_t size, struct inq_xstate *ret)
{
	if (!bytes || size < INQ_XSTATE_LEGACY + INQ_XSTATE_HEADER || size > INQ_XSTATE_MAX)
		return false;
	*ret = (struct inq_xstate){.bytes = bytes, .size = size, .enabled = word_at(bytes, INQ_XSTATE_XCR0)};
	ret->present = word_at(bytes, BV) & ret->enabled;
	/* x87 and SSE are always enabled where XSAVE is; anything else is no XCR0. Compacted areas never leave the
	 * kernel. */
	if ((ret->enabled & 3) != 3 || word_at(bytes, BV + 8) >> 63)
		return false;
	set_features(ret, size);
	return true;
}

void inq_xstate_to_intel(const struct inq_xstate *xstate, struct inq_buffer *ret)
{
	size_t size = INQ_XSTATE_LEGACY + INQ_XSTATE_HEADER;
	uint8_t *place;

	for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		const struct component *component = &components[i];

		if (xstate->enabled >> component->number & 1 && (size_t)component->intel + component->size > size)
			size = (size_t)component->intel + component->size;
	}
	place = inq_buffer_extend(ret, size);
	if (!place)
		return;
	memset(place, 0, size);
	memcpy(place, xstate->bytes, INQ_XSTATE_LEGACY + INQ_XSTATE_HEADER);
	for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		const struct inq_xstate_feature *feature = &xstate->features[components[i].number];

		if (feature->size)
			memcpy(place + components[i].intel, xstate->bytes + feature->offset, feature->size);
	}
}

/* CONTEXT_EX: places relative to itself, lengths; All, Legacy, XState. */
struct context_ex {
	int32_t all_offset;
	uint32_t all_length;
	int32_t legacy_offset;
	uint32_t legacy_length;
	int32_t xstate_offset;
	uint32_t xstate_length;
};

void inq_xstate_to_windows(const struct inq_xstate *xstate, struct inq_buffer *ret)
{
	size_t area = xstate->size - INQ_XSTATE_LEGACY;
	const struct context_ex ex = {
		.all_offset = -INQ_XSTATE_CONTEXT_EX,
		.all_length = (uint32_t)(INQ_XSTATE_AREA + area),
		.legacy_offset = -INQ_XSTATE_CONTEXT_EX,
		.legacy_length = INQ_XSTATE_CONTEXT_EX,
		.xstate_offset = INQ_XSTATE_AREA - INQ_XSTATE_CONTEXT_EX,
		.xstate_length = (uint32_t)area,
	};
	uint64_t mask = xstate->present & ~3ull;
	uint8_t *place = inq_buffer_extend(ret, INQ_XSTATE_AREA - INQ_XSTATE_CONTEXT_EX + area);

	if (!place)
		return;
	memset(place, 0, INQ_XSTATE_AREA - INQ_XSTATE_CONTEXT_EX + area);
	memcpy(place, &ex, sizeof(ex));
	place += INQ_XSTATE_AREA - INQ_XSTATE_CONTEXT_EX;
	memcpy(place, &mask, sizeof(mask));
	memcpy(place + INQ_XSTATE_HEADER, xstate->bytes + INQ_XSTATE_LEGACY + INQ_XSTATE_HEADER,
	       area - INQ_XSTATE_HEADER);
}

bool inq_xstate_from_windows(const struct inq_context *context, const uint8_t *extended, size_t size,
			     uint64_t enabled, struct inq_buffer *ret)
{
	size_t skip = INQ_XSTATE_AREA - INQ_XSTATE_CONTEXT_EX;
	struct context_ex ex;
	uint8_t *place;
	uint64_t mask;

	if (context->machine != INQ_MACHINE_AMD64 || size < skip + INQ_XSTATE_HEADER ||
	    size - skip > INQ_XSTATE_MAX - INQ_XSTATE_LEGACY)
		return false;
	memcpy(&ex, extended, sizeof(ex));
	if (ex.xstate_offset != (int32_t)skip || ex.xstate_length > size - skip ||
	    ex.xstate_length < INQ_XSTATE_HEADER)
		return false;
	place = inq_buffer_extend(ret, INQ_XSTATE_LEGACY + ex.xstate_length);
	if (!place)
		return false;
	memcpy(place, context->raw + FXSAVE_IN_CONTEXT, INQ_XSTATE_LEGACY);
	memcpy(place + INQ_XSTATE_LEGACY, extended + skip, ex.xstate_length);
	memcpy(&mask, place + INQ_XSTATE_LEGACY, sizeof(mask));
	mask |= 3;
	enabled |= 3;
	memcpy(place + INQ_XSTATE_LEGACY, &mask, sizeof(mask));
	memcpy(place + INQ_XSTATE_XCR0, &enabled, sizeof(enabled));
	return true;
}
