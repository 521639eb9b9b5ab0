/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the unwinder share: its caches, a walk's state, and the methods that find a caller. */
#ifndef INQ_UNWIND_WALK_H
#define INQ_UNWIND_WALK_H

#include "symbols/image.h"
#include "target/target.h"
#include "unwind/arch.h"
#include "unwind/cfi.h"
#include "unwind/unwind.h"

enum {
	MEMORY_PAGE = 4096,   /* bytes that are cached together */
	MEMORY_PAGES = 128,   /* power of two */
	ROW_CACHE = 512,      /* power of two: rows of addresses, for recursion; touched when used */
	ENTRY_BUCKETS = 256,  /* power of two: CIEs and FDEs that were read */
	ENTRY_MAX_KEPT = 2 << 20, /* bytes of them before all are forgotten */
	EXPRESSION_BUDGET = 4096, /* operations of one; a signal frame's or a linkage table's has some 10 */
	WALK_MAX_SWITCHES = 16,   /* stacks in one walk; a signal stack in a signal stack is rare enough */
	SCAN_FIRST_WORDS = 4096,  /* how far above sp the innermost caller is looked for */
	SCAN_WORDS = 1024,
	SCAN_CONFIRM_DISTANCE = 1 << 16, /* a direct call's target this near below pc is pc's function */
	FP_MAX_FRAME = 16 << 20,  /* bytes between sp and a frame pointer that is believed without knowing the stack */
};

/*
 * What a walk may cost, in units of some nanoseconds: CFI and expression operations and scanned words are one,
 * looking up a row that is not cached and reading the code before a candidate are some. A hostile image and
 * stack get about half a second; honest recursion, whose rows are cached, goes on as deep as it is.
 */
#define WALK_BUDGET (1u << 20)
#define WALK_FRAME_BUDGET 16u /* more for each frame */
#define WALK_ROW_COST 64u
#define WALK_CANDIDATE_COST 16u

/* --- memory.c: reads through a cache of pages --------------------------------------------------------- */

/* A space is the target (NULL) or an image's vaddrs. */
struct memory_page {
	struct inq_image *space;
	uint64_t base;      /* of the page */
	uint16_t low, high; /* what of it is there: [low, high) */
};

struct memory {
	struct inq_target *target;
	struct memory_page pages[MEMORY_PAGES];
	uint8_t (*data)[MEMORY_PAGE]; /* theirs, made when the first is used: what stacks hold may be a secret */
};

/* All of it or false. */
bool memory_read(struct memory *memory, struct inq_image *space, uint64_t address, void *to, size_t size);
/* Forget what was read of the target; of images it stays. */
void memory_forget(struct memory *memory);
void memory_done(struct memory *memory);

/* --- table.c: which row of CFI applies to an address ---------------------------------------------------- */

struct index_entry {
	uint64_t start, end, fde;
};

/* A section read as a whole and its FDEs by address, where there is no search table. */
struct table_index {
	bool tried;
	struct cfi_section section;
	struct index_entry *entries;
	size_t count;
};

/* .eh_frame_hdr, searched where it is. */
struct table_header {
	bool usable;
	uint8_t encoding;
	unsigned entry_size;
	uint64_t vaddr, table, count;
};

struct table {
	struct table *next;
	struct inq_unwind_module module;
	bool prepared;
	uint8_t address_size;
	struct table_header header;
	struct table_index eh_frame, debug_frame;
};

struct row_slot {
	const struct table *table; /* NULL: empty */
	uint64_t vaddr;
	bool found;
	uint64_t end;              /* of the FDE's code */
	struct cfi_row row;
};

struct kept_entry {
	struct kept_entry *next;
	const struct table *table;
	uint64_t at;
	size_t size;
	uint8_t data[];
};

struct inq_unwinder {
	struct inq_unwind_source source;
	struct memory memory;
	struct table *tables;
	struct table *recent;
	struct row_slot *rows;     /* ROW_CACHE of them */
	struct kept_entry *entries[ENTRY_BUCKETS];
	size_t entries_size;
};

/* The module's table, made when first asked for; NULL: no module there, or no memory. */
struct table *table_at(struct inq_unwinder *unwinder, uint64_t address);

/* The row for a process address. INQ_ABSENT: no CFI covers it. `ret` is valid until the next call; *ret_end gets
 * the process address at which the covering FDE ends. */
enum inq_status table_row(struct inq_unwinder *unwinder, const struct arch *arch, uint64_t address,
			  uint64_t *budget, const struct cfi_row **ret, uint64_t *ret_end);
void tables_free(struct inq_unwinder *unwinder);

/* --- unwind.c, and a file for each method ------------------------------------------------------------- */

enum step {
	STEP_OK,
	STEP_NONE,      /* this method does not apply */
	STEP_END,       /* outermost frame */
	STEP_NO_MEMORY, /* stack memory is missing at walk.missing */
};

struct walk {
	struct inq_unwinder *unwinder;
	const struct arch *arch;
	uint64_t budget;
	uint64_t missing;
	uint64_t stack_low, stack_high;  /* extent of the stack that sp is in; equal: unknown */
	uint64_t walked_low;             /* sp at which this stack was entered */
	unsigned switches;
	struct { uint64_t low, high; } left[WALK_MAX_SWITCHES]; /* stacks that were walked and left */
};

/* Frame: in; its cfa, return_slot, signal and lookup_pc are filled in as they become known. `interrupted`: its pc
 * is not a return address (innermost, or below a signal frame). Next: zeroed; gets registers and trust. */
enum step step_cfi(struct walk *walk, struct inq_frame *frame, bool interrupted, struct inq_frame *next);
enum step step_pe(struct walk *walk, struct inq_frame *frame, bool interrupted, struct inq_frame *next);
enum step step_signal(struct walk *walk, struct inq_frame *frame, struct inq_frame *next);
enum step step_call(struct walk *walk, struct inq_frame *frame, struct inq_frame *next);
enum step step_frame_pointer(struct walk *walk, struct inq_frame *frame, bool interrupted,
			     struct inq_frame *next);
enum step step_scan(struct walk *walk, struct inq_frame *frame, bool interrupted, struct inq_frame *next);
/* Only a return address whose call went to the function that the frame is in, below `limit`. */
enum step step_scan_confirmed(struct walk *walk, struct inq_frame *frame, uint64_t limit, struct inq_frame *next);

/* What the code before a return address says. */
enum call_evidence { CALL_NO, CALL_UNREADABLE, CALL_YES };

/* Shared by the methods. */
bool walk_known(const struct inq_frame *frame, int dwarf);
void walk_set(struct inq_frame *frame, int dwarf, uint64_t value);
/* A word of the stack into a frame's register; tells the source's slot(). False: not there. */
bool walk_load(struct walk *walk, uint64_t address, int dwarf, struct inq_frame *next);
bool walk_read_word(struct walk *walk, uint64_t address, uint64_t *ret);
/* Tell the source: a slot was read (size 0: none was needed), a register was decisive. */
void walk_tell_slot(const struct walk *walk, uint64_t address, unsigned size, int dwarf);
void walk_tell_use(const struct walk *walk, int dwarf);
/* Whether the code before a return address lets it be believed. */
bool walk_believes(const struct walk *walk, enum call_evidence evidence);
bool walk_is_code(struct walk *walk, uint64_t address);
/* Instruction bytes: of the target, else of the module's image. */
bool walk_read_code(struct walk *walk, uint64_t address, void *to, size_t size);
/* Learn stack_low and stack_high for an address. */
void walk_find_stack(struct walk *walk, uint64_t sp);
enum call_evidence walk_call_before(struct walk *walk, uint64_t return_address, struct arch_call *ret);
/* A return address as it is in memory, without what is no part of it. */
uint64_t walk_strip(const struct walk *walk, uint64_t return_address);
/* Registers that survive a call, for a caller of which nothing else is known. */
void walk_keep_preserved(const struct walk *walk, const struct inq_frame *frame, struct inq_frame *next);

#endif
