/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#include "probe_sites.h"

/*
 * By the present generation a child process finds out that it is one. NULL: the
 * page could not be had; the library then tells nothing at all, as it might
 * tell it of the parent.
 */
struct wiped_on_fork {
	_Atomic uint32_t generation;
};

static struct wiped_on_fork *_Atomic wiped;

/* In ordinary memory, so that a child goes on counting and takes no number of its parent's threads. */
static _Atomic uint32_t last_generation;

uint32_t slt_process_generation(void)
{
	struct wiped_on_fork *page = atomic_load_explicit(&wiped, memory_order_acquire);
	uint32_t present = 0, fresh;

	if (page == NULL)
		return 0;
	present = atomic_load_explicit(&page->generation, memory_order_relaxed);
	if (present != 0)
		return present;

	do
		fresh = atomic_fetch_add_explicit(&last_generation, 1, memory_order_relaxed) + 1;
	while (fresh == 0);
	if (!atomic_compare_exchange_strong(&page->generation, &present, fresh))
		return present; /* another thread of this process was first */
	if (is_raised(&slt_probe_process_semaphore))
		slt_probe_process();
	return fresh;
}

void slt_process_forget(void)
{
	struct wiped_on_fork *page = atomic_load_explicit(&wiped, memory_order_acquire);

	/* Looked at first: a store at each call would move the cache line between CPUs. */
	if (page != NULL && atomic_load_explicit(&page->generation, memory_order_relaxed) != 0)
		atomic_store_explicit(&page->generation, 0, memory_order_relaxed);
}

void *slt_map_wiped_on_fork(size_t size)
{
	const int saved_errno = errno;
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED) {
		memory = NULL;
	} else if (madvise(memory, size, MADV_WIPEONFORK) != 0) {
		munmap(memory, size);
		memory = NULL;
	} else {
		/* A huge page would cost the process more memory than it ever needs of this; a kernel without them refuses. */
		madvise(memory, size, MADV_NOHUGEPAGE);
	}
	errno = saved_errno;
	return memory;
}

__attribute__((constructor)) static void process_loaded(void)
{
	void *page = slt_map_wiped_on_fork(sizeof(struct wiped_on_fork));

	if (page == NULL)
		return;
	atomic_store_explicit(&wiped, page, memory_order_release);
	if (is_raised(&slt_probe_process_semaphore))
		slt_process_generation();
}
