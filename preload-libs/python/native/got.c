/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in an object's tables is checked against its segments before it is followed: a service must not fall by it. */
#include "got.h"

#if defined(__x86_64__)

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS_MAX 8

struct object {
	uintptr_t inside;
	uintptr_t base;
	/* Stays where it is as long as the object is loaded, and CPython never unloads an extension. */
	const ElfW(Phdr) * segments;
	size_t segment_count;
};

struct slot {
	uintptr_t address;
	uintptr_t value;
	int protection; /* of its page, before it was made writable */
};

/* Whether all of [address, address + size) lies in one segment that was loaded. */
static bool is_loaded(const struct object *object, uintptr_t address, size_t size)
{
	for (size_t i = 0; i < object->segment_count; i++) {
		const ElfW(Phdr) *segment = &object->segments[i];
		const uintptr_t start = object->base + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && address >= start && address - start <= segment->p_memsz &&
		    size <= segment->p_memsz - (address - start))
			return true;
	}
	return false;
}

static int find_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct object *object = data;
	const struct object candidate = { object->inside, info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum };

	(void)size;
	if (!is_loaded(&candidate, object->inside, 1))
		return 0;
	*object = candidate;
	return 1;
}

struct tables {
	const ElfW(Sym) * symbols;
	const char *names;
	size_t names_size;
	/* DT_JMPREL and DT_RELA. */
	struct {
		const ElfW(Rela) * entries;
		size_t size;
	} relocations[2];
};

/* glibc writes addresses into the dynamic section where the file has offsets; musl leaves them. */
static const void *table(const struct object *object, uintptr_t value)
{
	return (const void *)(is_loaded(object, value, 1) ? value : object->base + value);
}

static bool find_tables(const struct object *object, struct tables *out)
{
	const ElfW(Dyn) *entry = NULL, *end = NULL;

	for (size_t i = 0; i < object->segment_count; i++)
		if (object->segments[i].p_type == PT_DYNAMIC) {
			const uintptr_t start = object->base + object->segments[i].p_vaddr;

			if (!is_loaded(object, start, object->segments[i].p_memsz))
				return false;
			entry = (const ElfW(Dyn) *)start;
			end = entry + object->segments[i].p_memsz / sizeof(*entry);
		}
	memset(out, 0, sizeof(*out));
	for (; entry < end && entry->d_tag != DT_NULL; entry++)
		switch (entry->d_tag) {
		case DT_SYMTAB:
			out->symbols = table(object, entry->d_un.d_ptr);
			break;
		case DT_STRTAB:
			out->names = table(object, entry->d_un.d_ptr);
			break;
		case DT_STRSZ:
			out->names_size = entry->d_un.d_val;
			break;
		case DT_JMPREL:
			out->relocations[0].entries = table(object, entry->d_un.d_ptr);
			break;
		case DT_PLTRELSZ:
			out->relocations[0].size = entry->d_un.d_val;
			break;
		case DT_RELA:
			out->relocations[1].entries = table(object, entry->d_un.d_ptr);
			break;
		case DT_RELASZ:
			out->relocations[1].size = entry->d_un.d_val;
			break;
		case DT_PLTREL:
			if (entry->d_un.d_val != DT_RELA)
				return false;
			break;
		case DT_RELAENT:
			if (entry->d_un.d_val != sizeof(ElfW(Rela)))
				return false;
			break;
		case DT_SYMENT:
			if (entry->d_un.d_val != sizeof(ElfW(Sym)))
				return false;
			break;
		}
	if (out->symbols == NULL || out->names == NULL || out->names_size == 0 ||
	    !is_loaded(object, (uintptr_t)out->names, out->names_size) || out->names[out->names_size - 1] != '\0')
		return false;
	for (size_t i = 0; i < 2; i++)
		if (out->relocations[i].size != 0 && !is_loaded(object, (uintptr_t)out->relocations[i].entries,
								out->relocations[i].size))
			return false;
	return true;
}

static bool is_slot_of(const struct object *object, const struct tables *tables, const ElfW(Rela) * relocation,
		       const char *name)
{
	const ElfW(Sym) *symbol = &tables->symbols[ELF64_R_SYM(relocation->r_info)];
	const unsigned int type = ELF64_R_TYPE(relocation->r_info);

	return (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT) &&
	       is_loaded(object, (uintptr_t)symbol, sizeof(*symbol)) && symbol->st_name < tables->names_size &&
	       strcmp(tables->names + symbol->st_name, name) == 0;
}

/* Adds the slots of one function to `slots`. False where there is none, or too many, or one that holds something else. */
static bool find_slots(const struct object *object, const struct tables *tables, const struct got_function *function,
		       struct slot *slots, size_t *count)
{
	const size_t before = *count;

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < tables->relocations[i].size / sizeof(ElfW(Rela)); k++) {
			const ElfW(Rela) *relocation = &tables->relocations[i].entries[k];
			const uintptr_t address = object->base + relocation->r_offset;
			uintptr_t held;

			if (!is_slot_of(object, tables, relocation, function->name))
				continue;
			if (*count == SLOTS_MAX || address % sizeof(held) != 0 ||
			    !is_loaded(object, address, sizeof(held)))
				return false;
			held = __atomic_load_n((const uintptr_t *)address, __ATOMIC_RELAXED);
			/* Not yet bound, it leads into the object's own PLT. Else somebody has been here: we, or another tool. */
			if (held != function->original && !is_loaded(object, held, 1))
				return false;
			slots[(*count)++] = (struct slot){ .address = address, .value = function->replacement };
		}
	return *count > before;
}

/* Of the page at `address`, as the kernel has it: RELRO need not have been applied. -1: not known. */
static int protection_of(uintptr_t address)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], mode[5];
	unsigned long start, end;
	int protection = -1;

	if (maps == NULL)
		return -1;
	/* What is left of a longer line is read as a line of its own, which does not look like a mapping. */
	while (protection < 0 && fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) == 3 && address >= start && address < end)
			protection = (mode[0] == 'r' ? PROT_READ : 0) | (mode[1] == 'w' ? PROT_WRITE : 0) |
				     (mode[2] == 'x' ? PROT_EXEC : 0);
	fclose(maps);
	return protection;
}

static int protect(const struct slot *slot, int protection)
{
	const uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);

	return mprotect((void *)(slot->address & ~(page_size - 1)), page_size, protection);
}

/* The last one first: two slots may share a page, and the first one knows what it was. */
static void put_protection_back(const struct slot *slots, size_t count)
{
	while (count-- > 0)
		if ((slots[count].protection & PROT_WRITE) == 0)
			(void)protect(&slots[count], slots[count].protection);
}

static bool make_writable(struct slot *slots, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		slots[i].protection = protection_of(slots[i].address);
		if (slots[i].protection < 0 || ((slots[i].protection & PROT_WRITE) == 0 &&
						protect(&slots[i], slots[i].protection | PROT_WRITE) != 0)) {
			put_protection_back(slots, i);
			return false;
		}
	}
	return true;
}

bool got_replace(const void *inside, const struct got_function *functions, size_t count)
{
	struct object object = { .inside = (uintptr_t)inside };
	struct tables tables;
	struct slot slots[SLOTS_MAX];
	size_t slot_count = 0;

	if (dl_iterate_phdr(find_object, &object) == 0 || !find_tables(&object, &tables))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!find_slots(&object, &tables, &functions[i], slots, &slot_count))
			return false;
	if (!make_writable(slots, slot_count))
		return false;
	for (size_t i = 0; i < slot_count; i++)
		__atomic_store_n((uintptr_t *)slots[i].address, slots[i].value, __ATOMIC_RELEASE);
	put_protection_back(slots, slot_count);
	return true;
}

#else

bool got_replace(const void *inside, const struct got_function *functions, size_t count)
{
	(void)inside;
	(void)functions;
	(void)count;
	return false;
}

#endif
