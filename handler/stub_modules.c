/* SPDX-License-Identifier: MIT */
/*
 * The ring of the last unloaded modules, as ntdll keeps one (RtlGetUnloadEventTrace): what a call into a
 * plugin that is gone was a call into.
 *
 * dlclose() may unload more than its handle, or nothing: the loader's list is looked at before and after, and
 * what is missing is remembered. Ordinary times only; a concurrent dlclose() goes unobserved rather than
 * waiting.
 */
#include "handler/stub.h"

#include <elf.h>
#include <link.h>

int dl_iterate_phdr(int (*each)(struct dl_phdr_info *, size_t, void *), void *user) __attribute__((weak));

#ifdef INQ_STUB_WRAP
int __real_dlclose(void *handle);
int __wrap_dlclose(void *handle);
#define STAND_IN __wrap_dlclose
#define STAND_IN_VISIBILITY STUB_HIDDEN
#else
void *dlsym(void *handle, const char *name) __attribute__((weak));
int dlclose(void *handle);
#define STAND_IN dlclose
#define STAND_IN_VISIBILITY STUB_PUBLIC
#endif

enum { SEEN_MAX = 128 }; /* modules looked at; the loader lists the latest last, and those go first */

struct seen {
	struct inq_record_unloaded module;
	const void *headers; /* identity: where the loader has its program headers */
	bool still;
};

static struct {
	uint32_t busy;
	uint32_t count; /* ever seen in this round; the last SEEN_MAX are kept */
	struct seen modules[SEEN_MAX];
} look;

/* The GNU build-id among the notes of one PT_NOTE. The loader has mapped them; sizes are checked all the
 * same. */
static void take_build_id(struct inq_record_unloaded *module, const uint8_t *at, size_t size)
{
	while (size >= sizeof(Elf64_Nhdr)) {
		const Elf64_Nhdr *note = (const void *)at;
		size_t name = (note->n_namesz + 3ul) & ~3ul, data = (note->n_descsz + 3ul) & ~3ul;
		size_t whole = sizeof(*note) + name + data;

		if (whole > size)
			return;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
		    note->n_descsz <= INQ_RECORD_BUILD_ID) {
			module->build_id_size = note->n_descsz;
			raw_copy(module->build_id, at + sizeof(*note) + name, note->n_descsz);
			return;
		}
		at += whole;
		size -= whole;
	}
}

static void take_name(struct inq_record_unloaded *module, const char *name)
{
	size_t length = raw_length(name);

	/* The end of a long path tells more than its beginning. */
	if (length >= INQ_RECORD_MODULE_NAME)
		name += length - (INQ_RECORD_MODULE_NAME - 1);
	raw_copy_text(module->name, sizeof(module->name), name);
}

static int see(struct dl_phdr_info *info, size_t size, void *user)
{
	struct seen *seen = &look.modules[look.count++ % SEEN_MAX];
	struct inq_record_unloaded *module = &seen->module;
	uint64_t low = ~0ull, high = 0;

	(void)size;
	(void)user;
	raw_zero(seen, sizeof(*seen));
	seen->headers = info->dlpi_phdr;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_LOAD) {
			low = header->p_vaddr < low ? header->p_vaddr : low;
			high = header->p_vaddr + header->p_memsz > high ? header->p_vaddr + header->p_memsz : high;
		} else if (header->p_type == PT_NOTE && !module->build_id_size) {
			take_build_id(module, (const uint8_t *)(info->dlpi_addr + header->p_vaddr),
				      header->p_memsz);
		}
	}
	if (low < high) {
		module->base = info->dlpi_addr + (low & ~4095ull);
		module->size = high - (low & ~4095ull);
	}
	take_name(module, info->dlpi_name ? info->dlpi_name : "");
	return 0;
}

static size_t kept(void)
{
	return look.count < SEEN_MAX ? look.count : SEEN_MAX;
}

static int still_there(struct dl_phdr_info *info, size_t size, void *user)
{
	(void)size;
	(void)user;
	for (size_t i = 0; i < kept(); i++) {
		if (look.modules[i].headers == info->dlpi_phdr)
			look.modules[i].still = true;
	}
	return 0;
}

static void remember_missing(void)
{
	for (size_t i = 0; i < kept(); i++) {
		struct inq_record *record = &stub.record;

		if (look.modules[i].still || !look.modules[i].module.size)
			continue;
		stub.unloaded[record->unloaded_count % INQ_RECORD_UNLOADED] = look.modules[i].module;
		__atomic_add_fetch(&record->unloaded_count, 1, __ATOMIC_RELEASE);
	}
}

static int real_close(void *handle)
{
#ifdef INQ_STUB_WRAP
	return __real_dlclose(handle);
#else
	static int (*found)(void *);

	if (!found && dlsym)
		found = (int (*)(void *))dlsym((void *)-1l /* RTLD_NEXT */, "dlclose");
	return found ? found(handle) : -1;
#endif
}

STAND_IN_VISIBILITY int STAND_IN(void *handle)
{
	int result;

	if (!stub.installed || !dl_iterate_phdr || __atomic_exchange_n(&look.busy, 1, __ATOMIC_ACQUIRE))
		return real_close(handle);
	look.count = 0;
	dl_iterate_phdr(see, NULL);
	result = real_close(handle);
	/* dlclose(the stub itself) does not come back here; its memory is gone with it. */
	dl_iterate_phdr(still_there, NULL);
	remember_missing();
	__atomic_store_n(&look.busy, 0, __ATOMIC_RELEASE);
	return result;
}
