/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libFuzzer target: the first byte chooses what the rest is: an expression, a section of CFI, a PE image's
 * unwind info and an epilogue, or an ELF or PE image in whose code a thread with a stack (the image's bytes again) is unwound.
 */
#include "support/file.h"
#include "target/target.h"
#include "unwind/cfi.h"
#include "unwind/pe.h"

#include "symbols/image.h"

#include <stdlib.h>
#include <string.h>

enum { STACK = 0x7fff0000, BASE = 0x400000, MAX_FRAMES = 512 };

struct fuzz_target {
	struct inq_target target;
	const uint8_t *data;
	size_t size;
	struct inq_image *image;
};

static enum inq_status read_stack(struct inq_target *self, uint64_t address, void *to, size_t size,
				  size_t *ret_done, struct inq_error *err)
{
	struct fuzz_target *fuzz = (struct fuzz_target *)self;
	size_t left;

	if (address < STACK || address - STACK >= fuzz->size)
		return inq_fail(err, INQ_FAULT, "0x%llx: not mapped", (unsigned long long)address);
	left = fuzz->size - (size_t)(address - STACK);
	*ret_done = size < left ? size : left;
	memcpy(to, fuzz->data + (address - STACK), *ret_done);
	return INQ_OK;
}

static enum inq_status module_at(void *user, uint64_t address, struct inq_unwind_module *ret)
{
	struct fuzz_target *fuzz = user;

	if (address < BASE || address - BASE >= 1 << 20)
		return INQ_ABSENT;
	*ret = (struct inq_unwind_module){.image = fuzz->image, .base = BASE, .size = 1 << 20,
					  .bias = BASE - inq_image_start(fuzz->image)};
	return INQ_OK;
}

static void unwind(struct fuzz_target *fuzz, enum inq_machine machine, uint64_t pc)
{
	const struct inq_machine_info *info = inq_machine_info(machine);
	struct inq_unwind_source source = {.target = &fuzz->target, .module = module_at, .user = fuzz};
	struct inq_context context;
	struct inq_unwinder *unwinder;
	struct inq_frames frames;

	inq_context_init(machine, &context);
	inq_context_set(&context, inq_register_from_dwarf(machine, info->dwarf_pc), pc);
	inq_context_set(&context, inq_register_from_dwarf(machine, info->dwarf_sp), STACK + 64);
	inq_context_set(&context, inq_register_from_dwarf(machine, info->dwarf_fp), STACK + 128);
	if (inq_unwinder_new(&source, &unwinder, NULL) != INQ_OK)
		return;
	if (inq_unwind(unwinder, &context, MAX_FRAMES, &frames, NULL) == INQ_OK) {
		if (frames.count == 0 || frames.count > MAX_FRAMES)
			abort();
		inq_frames_done(&frames);
	}
	inq_unwinder_free(unwinder);
}

static void fuzz_image(const uint8_t *data, size_t size)
{
	static const struct inq_target_ops OPS = {.kind = "fuzz", .read = read_stack};
	static const enum inq_machine MACHINES[] = {INQ_MACHINE_AMD64, INQ_MACHINE_X86, INQ_MACHINE_ARM64,
						    INQ_MACHINE_ARM};
	struct fuzz_target fuzz = {.target = {.ops = &OPS, .name = "fuzz"}, .data = data, .size = size};
	struct inq_image_bytes bytes;
	struct inq_file *file;
	const uint8_t *id;
	const char *soname;
	size_t id_size;

	if (inq_file_open_bytes(data, size, "fuzz", &file, NULL) != INQ_OK ||
	    inq_image_open_file(file, &fuzz.image, NULL) != INQ_OK)
		return;
	inq_image_build_id(fuzz.image, &id, &id_size, NULL);
	inq_image_soname(fuzz.image, &soname, NULL);
	inq_image_section(fuzz.image, ".debug_info", &bytes, NULL);
	inq_image_eh_frame_hdr(fuzz.image, &bytes, NULL);
	for (size_t i = 0; i < sizeof(MACHINES) / sizeof(MACHINES[0]); i++) {
		unwind(&fuzz, MACHINES[i], BASE + 0x1000);
		unwind(&fuzz, MACHINES[i], inq_image_entry(fuzz.image) + BASE - inq_image_start(fuzz.image));
	}
	inq_image_free(fuzz.image);
}

static void fuzz_section(const uint8_t *data, size_t size, bool debug_frame)
{
	struct cfi_section section = {.data = data, .size = size, .vaddr = debug_frame ? 0 : 0x1000,
				      .debug_frame = debug_frame, .address_size = 8};
	uint64_t budget = 1 << 20, at = section.vaddr;
	struct cfi_entry entry, cie_entry;
	struct cfi_cie cie;
	struct cfi_fde fde;
	struct cfi_row row;

	while (cfi_read_entry(&section, at, &entry, NULL) == INQ_OK) {
		if (entry.next <= at)
			abort();
		at = entry.next;
		if (entry.terminator || entry.is_cie ||
		    cfi_read_entry(&section, entry.cie, &cie_entry, NULL) != INQ_OK ||
		    cfi_parse_cie(&section, &cie_entry, &cie, NULL) != INQ_OK ||
		    cfi_parse_fde(&section, &entry, &cie, &fde, NULL) != INQ_OK)
			continue;
		cfi_run(&section, &cie, &fde, fde.start + fde.size / 2, false, &budget, &row, NULL);
		cfi_run(&section, &cie, &fde, UINT64_MAX, true, &budget, &row, NULL);
	}
}

static bool read_anything(void *user, uint64_t address, void *to, size_t size)
{
	(void)user;
	memset(to, (int)(address & 0xff), size);
	return address & 1;
}

static void fuzz_expression(const uint8_t *data, size_t size, uint8_t address_size)
{
	struct inq_frame_registers registers = {.valid = 0xffff};
	struct cfi_machine machine = {.registers = &registers, .address_size = address_size, .read = read_anything};
	uint64_t budget = 10000, value;

	cfi_evaluate(data, size, &machine, NULL, &budget, &value, NULL, NULL);
}

static void fuzz_unwind_info(const uint8_t *data, size_t size)
{
	struct pe_epilogue epilogue;
	struct pe_info info;

	if (pe_parse_info(data, size, &info, NULL) == INQ_OK) {
		if (info.count + info.epilogue_count > PE_CODES_MAX || pe_info_size(data) > size)
			abort();
		pe_mirror_epilogue(&info, (uint32_t)size, &epilogue);
	}
	if (pe_read_epilogue(data, size, 0, 5, &epilogue) &&
	    (!epilogue.count || epilogue.count > PE_EPILOGUE_STEPS ||
	     epilogue.steps[epilogue.count - 1].kind != PE_LEAVE))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	switch (data[0] % 6) {
	case 0:
		fuzz_expression(data + 1, size - 1, 8);
		break;
	case 1:
		fuzz_expression(data + 1, size - 1, 4);
		break;
	case 2:
		fuzz_section(data + 1, size - 1, false);
		break;
	case 3:
		fuzz_section(data + 1, size - 1, true);
		break;
	case 4:
		fuzz_unwind_info(data + 1, size - 1);
		break;
	default:
		fuzz_image(data + 1, size - 1);
	}
	return 0;
}
