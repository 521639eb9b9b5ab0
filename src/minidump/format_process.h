/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The streams of Windows about tables, tokens, and the memory of system and process.
 *
 * A part of minidump/format.h, which says where it is from; whoever needs it includes that.
 */
#ifndef INQ_MINIDUMP_FORMAT_PROCESS_H
#define INQ_MINIDUMP_FORMAT_PROCESS_H

#include "minidump/format.h"

/* MINIDUMP_FUNCTION_TABLE_STREAM. */
struct MD_PACKED md_function_table_list {
	uint32_t header_size;
	uint32_t descriptor_size;
	uint32_t native_descriptor_size;
	uint32_t function_entry_size;
	uint32_t count;
	uint32_t pad_size; /* bytes between this and the first descriptor */
};
MD_ASSERT_SIZE(md_function_table_list, 24);

/* MINIDUMP_FUNCTION_TABLE_DESCRIPTOR. */
struct MD_PACKED md_function_table {
	uint64_t minimum; /* addresses covered */
	uint64_t maximum;
	uint64_t base;
	uint32_t entry_count;
	uint32_t pad_size;
};
MD_ASSERT_SIZE(md_function_table, 32);

/* MINIDUMP_TOKEN_INFO_LIST. */
struct MD_PACKED md_token_list {
	uint32_t size; /* bytes, all */
	uint32_t count;
	uint32_t header_size;
	uint32_t entry_header_size;
};
MD_ASSERT_SIZE(md_token_list, 16);

/* MINIDUMP_TOKEN_INFO_HEADER. */
struct MD_PACKED md_token {
	uint32_t size; /* bytes, with this header */
	uint32_t id;   /* of the process or thread */
	uint64_t handle;
};
MD_ASSERT_SIZE(md_token, 16);

/* MINIDUMP_SYSTEM_BASIC_INFORMATION. */
struct MD_PACKED md_system_basic {
	uint32_t timer_resolution; /* 100 ns */
	uint32_t page_size;        /* bytes */
	uint32_t physical_pages;
	uint32_t lowest_physical_page;
	uint32_t highest_physical_page;
	uint32_t allocation_granularity; /* bytes */
	uint64_t minimum_user_address;
	uint64_t maximum_user_address;
	uint64_t affinity;
	uint32_t processors;
};
MD_ASSERT_SIZE(md_system_basic, 52);

/* MINIDUMP_SYSTEM_FILECACHE_INFORMATION. */
struct MD_PACKED md_system_file_cache {
	uint64_t current_size; /* bytes */
	uint64_t peak_size;    /* bytes */
	uint32_t page_faults;
	uint64_t minimum_working_set; /* pages */
	uint64_t maximum_working_set; /* pages */
	uint64_t current_size_with_transition; /* pages */
	uint64_t peak_size_with_transition;    /* pages */
	uint32_t transition_repurpose_count;
	uint32_t flags;
};
MD_ASSERT_SIZE(md_system_file_cache, 60);

/* MINIDUMP_SYSTEM_BASIC_PERFORMANCE_INFORMATION; pages. */
struct MD_PACKED md_system_basic_performance {
	uint64_t available;
	uint64_t committed;
	uint64_t commit_limit;
	uint64_t peak_commitment;
};
MD_ASSERT_SIZE(md_system_basic_performance, 32);

/* MINIDUMP_SYSTEM_PERFORMANCE_INFORMATION_2; the first version ends before mdl_pages_allocated. */
struct MD_PACKED md_system_performance {
	uint64_t idle_process_time; /* 100 ns */
	uint64_t io_read_bytes;
	uint64_t io_write_bytes;
	uint64_t io_other_bytes;
	uint32_t io_reads;
	uint32_t io_writes;
	uint32_t io_others;
	uint32_t available_pages;
	uint32_t committed_pages;
	uint32_t commit_limit;    /* pages */
	uint32_t peak_commitment; /* pages */
	uint32_t page_faults;
	uint32_t copy_on_write_faults;
	uint32_t transition_faults;
	uint32_t cache_transition_faults;
	uint32_t demand_zero_faults;
	uint32_t pages_read;
	uint32_t page_read_ios;
	uint32_t cache_reads;
	uint32_t cache_ios;
	uint32_t dirty_pages_written;
	uint32_t dirty_write_ios;
	uint32_t mapped_pages_written;
	uint32_t mapped_write_ios;
	uint32_t paged_pool_pages;
	uint32_t nonpaged_pool_pages;
	uint32_t paged_pool_allocs;
	uint32_t paged_pool_frees;
	uint32_t nonpaged_pool_allocs;
	uint32_t nonpaged_pool_frees;
	uint32_t free_system_ptes;
	uint32_t resident_system_code_pages;
	uint32_t system_driver_pages;
	uint32_t system_code_pages;
	uint32_t nonpaged_pool_lookaside_hits;
	uint32_t paged_pool_lookaside_hits;
	uint32_t available_paged_pool_pages;
	uint32_t resident_system_cache_pages;
	uint32_t resident_paged_pool_pages;
	uint32_t resident_system_driver_pages;
	uint32_t cc_fast_read[4];     /* cache: no wait, wait, resource miss, not possible */
	uint32_t cc_fast_mdl_read[4]; /* no wait, wait, resource miss, not possible */
	uint32_t cc_map_data[4];      /* no wait, wait, no wait missed, wait missed */
	uint32_t cc_pin_mapped_data;
	uint32_t cc_pin_read[4];  /* no wait, wait, no wait missed, wait missed */
	uint32_t cc_copy_read[4]; /* no wait, wait, no wait missed, wait missed */
	uint32_t cc_mdl_read[4];  /* no wait, wait, no wait missed, wait missed */
	uint32_t cc_read_ahead_ios;
	uint32_t cc_lazy_write_ios;
	uint32_t cc_lazy_write_pages;
	uint32_t cc_data_flushes;
	uint32_t cc_data_pages;
	uint32_t context_switches;
	uint32_t first_level_tb_fills;
	uint32_t second_level_tb_fills;
	uint32_t system_calls;
	uint64_t cc_dirty_pages;
	uint64_t cc_dirty_page_threshold;
	int64_t resident_available_pages;
	uint64_t shared_committed_pages;
	uint64_t mdl_pages_allocated; /* from version 2 */
	uint64_t pfn_database_committed_pages;
	uint64_t system_page_table_committed_pages;
	uint64_t contiguous_pages_allocated;
};
MD_ASSERT_SIZE(md_system_performance, 376);
MD_ASSERT_AT(md_system_performance, mdl_pages_allocated, 344);

/* MINIDUMP_SYSTEM_MEMORY_INFO_2; the first version is its beginning. */
struct MD_PACKED md_system_memory_info {
	uint16_t revision; /* 1 or 2 */
	uint16_t flags;    /* which of the later fields are valid */
	struct md_system_basic basic;
	struct md_system_file_cache file_cache;
	struct md_system_basic_performance basic_performance;
	struct md_system_performance performance;
};
enum { MD_SYSTEM_MEMORY_INFO_SIZE_1 = 492, MD_SYSTEM_MEMORY_INFO_SIZE_2 = 524 };
MD_ASSERT_SIZE(md_system_memory_info, MD_SYSTEM_MEMORY_INFO_SIZE_2);

/* MINIDUMP_PROCESS_VM_COUNTERS_1; bytes. */
struct MD_PACKED md_vm_counters_1 {
	uint16_t revision; /* 1 */
	uint16_t reserved;
	uint32_t page_faults;
	uint64_t peak_working_set;
	uint64_t working_set;
	uint64_t peak_paged_pool;
	uint64_t paged_pool;
	uint64_t peak_nonpaged_pool;
	uint64_t nonpaged_pool;
	uint64_t pagefile;
	uint64_t peak_pagefile;
	uint64_t private_usage;
};
MD_ASSERT_SIZE(md_vm_counters_1, 80);

/* For md_vm_counters_2.flags: what is valid. */
enum {
	MD_VM_COUNTERS = 0x01,
	MD_VM_COUNTERS_VIRTUAL_SIZE = 0x02,
	MD_VM_COUNTERS_EX = 0x04,
	MD_VM_COUNTERS_EX2 = 0x08,
	MD_VM_COUNTERS_JOB = 0x10,
};

/* MINIDUMP_PROCESS_VM_COUNTERS_2; bytes. */
struct MD_PACKED md_vm_counters_2 {
	uint16_t revision; /* 2 */
	uint16_t flags;    /* MD_VM_COUNTERS* */
	uint32_t page_faults;
	uint64_t peak_working_set;
	uint64_t working_set;
	uint64_t peak_paged_pool;
	uint64_t paged_pool;
	uint64_t peak_nonpaged_pool;
	uint64_t nonpaged_pool;
	uint64_t pagefile;
	uint64_t peak_pagefile;
	uint64_t peak_virtual_size; /* VIRTUAL_SIZE */
	uint64_t virtual_size;      /* VIRTUAL_SIZE */
	uint64_t private_usage;     /* EX */
	uint64_t private_working_set; /* EX2 */
	uint64_t shared_commit;       /* EX2 */
	uint64_t job_shared_commit;   /* JOB, to the end */
	uint64_t job_private_commit;
	uint64_t job_peak_private_commit;
	uint64_t job_private_commit_limit;
	uint64_t job_total_commit_limit;
};
MD_ASSERT_SIZE(md_vm_counters_2, 152);

#endif
