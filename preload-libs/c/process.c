/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe_sites.h"

/*
 * The present generation lies on a page that the kernel gives to a child as
 * zeros (MADV_WIPEONFORK, 4.14): that is how a child of a raw clone(2), which
 * runs no atfork handler, finds out that it is one. NULL: the page could not be
 * had; the library then tells nothing at all, as it might tell it of the parent.
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

__attribute__((constructor)) static void process_loaded(void)
{
	const int saved_errno = errno;
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED && madvise(page, size, MADV_WIPEONFORK) != 0) {
		munmap(page, size);
		page = MAP_FAILED;
	}
	if (page != MAP_FAILED) {
		atomic_store_explicit(&wiped, page, memory_order_release);
		if (is_raised(&slt_probe_process_semaphore))
			slt_process_generation();
	}
	errno = saved_errno;
}
