/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Call frame information: parsing it, running its programs, evaluating its expressions.
 *
 * .eh_frame as in the LSB 5 (10.6) with GNU's augmentations, .debug_frame as in DWARF 2 to 5 (6.4). Everything
 * is in the image's own addresses (vaddr). All of it comes from hostile files: entries and tables are read
 * through a bounded cursor, register rows have a fixed size, and programs and expressions work on a budget
 * that the caller gives. No allocation; async-signal-safe but for the words in errors.
 */
#ifndef INQ_UNWIND_CFI_H
#define INQ_UNWIND_CFI_H

#include "support/cursor.h"
#include "support/error.h"
#include "unwind/unwind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CFI_MAX_ENTRY = 1 << 20,      /* bytes of one CIE or FDE; the largest real ones have some 10 KiB */
	CFI_MAX_STATES = 32,          /* remember_state nesting; compilers need 1 */
	CFI_MAX_EXPRESSION = 1 << 16, /* bytes */
	CFI_MAX_STACK = 64,           /* values on an expression's stack */
};

/* A section that CFI is in, or a part of one. */
struct cfi_section {
	const uint8_t *data; /* borrowed */
	size_t size;
	uint64_t vaddr;      /* of data[0]; for .debug_frame, the offset in the section */
	bool debug_frame;    /* else .eh_frame */
	uint8_t address_size; /* 4 or 8 */
	uint64_t text_base, data_base; /* what textrel and datarel pointers are relative to, 0 unknown */
};

struct cfi_cie {
	uint8_t version, address_size;
	uint8_t fde_encoding;    /* DW_EH_PE_* */
	uint8_t lsda_encoding;
	bool augmented;          /* 'z': FDEs carry augmentation data */
	bool signal;             /* 'S' */
	bool pauth_b_key;        /* 'B', AArch64 */
	uint64_t code_align;
	int64_t data_align;
	uint64_t return_column;
	const uint8_t *program;  /* borrowed from the section */
	size_t program_size;
};

struct cfi_fde {
	uint64_t start, size;    /* code that it covers */
	const uint8_t *program;
	size_t program_size;
};

/* One entry's frame: where its contents lie in the section. */
struct cfi_entry {
	uint64_t at;             /* vaddr of the length field */
	uint64_t next;           /* vaddr of the entry after it */
	uint64_t cie;            /* FDE: vaddr of its CIE */
	bool is_cie;
	bool terminator;         /* length 0 in .eh_frame */
	bool dwarf64;
	size_t body;             /* offset in section.data of what follows the CIE id or pointer */
	size_t end;              /* offset in section.data */
};

/* Read an entry's length and id. INQ_BAD_DATA: runs past the section. */
enum inq_status cfi_read_entry(const struct cfi_section *section, uint64_t at, struct cfi_entry *ret,
			       struct inq_error *err);
/* INQ_UNSUPPORTED: a version or augmentation that nobody documents. */
enum inq_status cfi_parse_cie(const struct cfi_section *section, const struct cfi_entry *entry,
			      struct cfi_cie *ret, struct inq_error *err);
enum inq_status cfi_parse_fde(const struct cfi_section *section, const struct cfi_entry *entry,
			      const struct cfi_cie *cie, struct cfi_fde *ret, struct inq_error *err);

enum {
	CFI_PE_ABSPTR = 0x00, CFI_PE_ULEB128 = 0x01, CFI_PE_UDATA2 = 0x02, CFI_PE_UDATA4 = 0x03,
	CFI_PE_UDATA8 = 0x04, CFI_PE_SLEB128 = 0x09, CFI_PE_SDATA2 = 0x0a, CFI_PE_SDATA4 = 0x0b,
	CFI_PE_SDATA8 = 0x0c, CFI_PE_SIGNED = 0x08, CFI_PE_FORMAT = 0x0f,
	CFI_PE_PCREL = 0x10, CFI_PE_TEXTREL = 0x20, CFI_PE_DATAREL = 0x30, CFI_PE_FUNCREL = 0x40,
	CFI_PE_ALIGNED = 0x50, CFI_PE_BASE = 0x70, CFI_PE_INDIRECT = 0x80, CFI_PE_OMIT = 0xff,
};

/* What encoded pointers are relative to. */
struct cfi_bases {
	uint64_t text, data, function;
	uint8_t address_size;
};

/* An encoded pointer at the cursor (whose origin is the vaddr of its data). False: damaged, or an encoding
 * that is none. DW_EH_PE_omit reads nothing and gives 0. An indirect one gives the address of the pointer. */
bool cfi_read_pointer(struct inq_cursor *cursor, uint8_t encoding, const struct cfi_bases *bases, uint64_t *ret);

/* Bytes of an encoding, 0 if it varies (LEB128) or is none. */
unsigned cfi_pointer_size(uint8_t encoding, uint8_t address_size);

/* --- rows ------------------------------------------------------------------------------------------- */

enum cfi_rule_kind {
	CFI_UNSPECIFIED, /* no word about it: the ABI decides */
	CFI_UNDEFINED,
	CFI_SAME,
	CFI_OFFSET,      /* at CFA + offset */
	CFI_VAL_OFFSET,  /* is CFA + offset */
	CFI_REGISTER,    /* in another register */
	CFI_EXPRESSION,  /* at what the expression says */
	CFI_VAL_EXPRESSION,
};

struct cfi_rule {
	uint8_t kind;          /* enum cfi_rule_kind */
	uint32_t size;         /* bytes of the expression */
	union {
		int64_t offset;
		uint64_t reg;
		const uint8_t *expression; /* borrowed from the section */
	};
};

/* How to find the caller of one address. Columns beyond INQ_UNWIND_REGISTERS are read and forgotten. */
struct cfi_row {
	struct cfi_rule cfa;   /* CFI_REGISTER: reg + cfa_offset; CFI_EXPRESSION; else none */
	int64_t cfa_offset;
	uint64_t return_column;
	uint64_t args_size;    /* GNU_args_size */
	bool signal;
	bool return_signed;    /* AArch64: the return address carries a pointer authentication code */
	struct cfi_rule rules[INQ_UNWIND_REGISTERS];
};

/**
 * Run the CIE's and the FDE's program up to the address.
 *
 * @aarch64  0x2d is negate_ra_state (elsewhere GNU_window_save, which is refused)
 * @budget   operations that may still be spent; lowered by what was
 *
 * INQ_BAD_DATA: damaged program. INQ_LIMIT: too deep, or the budget is spent. INQ_UNSUPPORTED: an opcode that
 * is none.
 */
enum inq_status cfi_run(const struct cfi_section *section, const struct cfi_cie *cie, const struct cfi_fde *fde,
			uint64_t address, bool aarch64, uint64_t *budget, struct cfi_row *ret,
			struct inq_error *err);

/* --- expressions ------------------------------------------------------------------------------------ */

/* What an expression may look at. */
struct cfi_machine {
	const struct inq_frame_registers *registers;
	uint8_t address_size;
	uint64_t bias;     /* DW_OP_addr: vaddr to process address */
	/* Memory, all of it or false. */
	bool (*read)(void *user, uint64_t address, void *to, size_t size);
	void *user;
	uint64_t *used;    /* NULL, or gets the bits of the registers that were read */
};

/**
 * Evaluate a DWARF expression as CFI has them (no frame base, no calls, no pieces).
 *
 * @initial  pushed before (the CFA), NULL: nothing
 * @ret_bad  address that could not be read, with INQ_FAULT
 *
 * INQ_ABSENT: needs a register that is not known. INQ_FAULT. INQ_LIMIT: budget or stack. INQ_BAD_DATA.
 * INQ_UNSUPPORTED: an operation that has no place here.
 */
enum inq_status cfi_evaluate(const uint8_t *expression, size_t size, const struct cfi_machine *machine,
			     const uint64_t *initial, uint64_t *budget, uint64_t *ret, uint64_t *ret_bad,
			     struct inq_error *err);

#endif
