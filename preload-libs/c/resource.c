/* SPDX-License-Identifier: Apache-2.0 */
#include "resource.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

/*
 * Element n holds resource n + 1. Filled from the front, never emptied: the
 * kernel side may read a resource as long as the process lives. No lock, for a
 * signal handler may come in the middle of it.
 */
static struct slt_resource *_Atomic resources[SLT_RESOURCES_MAX];

const struct slt_resource *slt_resource_by_number(uint32_t number)
{
	if (number == 0 || number > SLT_RESOURCES_MAX)
		return NULL;
	return atomic_load_explicit(&resources[number - 1], memory_order_acquire);
}

static bool has_text(const struct slt_resource *known, const struct slt_resource *resource)
{
	return known->length == resource->length && memcmp(known->text, resource->text, resource->length) == 0;
}

/*
 * Mapped, as malloc is not for signal handlers. Every byte is written: the
 * kernel side reads all of it in a trap, where a page that was never touched
 * cannot be brought in.
 */
static struct slt_resource *copy_of(const struct slt_resource *resource)
{
	struct slt_resource *copy =
		mmap(NULL, sizeof(*copy), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (copy == MAP_FAILED)
		return NULL;
	memset(copy, 0, sizeof(*copy));
	copy->version = SLT_PROBE_VERSION;
	copy->length = resource->length;
	memcpy(copy->text, resource->text, resource->length);
	return copy;
}

static uint32_t number_of(const struct slt_resource *resource)
{
	struct slt_resource *copy = NULL;

	for (uint32_t i = 0; i < SLT_RESOURCES_MAX; i++) {
		struct slt_resource *known = atomic_load_explicit(&resources[i], memory_order_acquire);

		if (known == NULL) {
			if (copy == NULL)
				copy = copy_of(resource);
			if (copy == NULL)
				return 0;
			copy->number = i + 1;
			if (atomic_compare_exchange_strong(&resources[i], &known, copy)) {
				mprotect(copy, sizeof(*copy), PROT_READ);
				return i + 1;
			}
			/* Another thread took the place; `known` is what it put there. */
		}
		if (has_text(known, resource)) {
			if (copy != NULL)
				munmap(copy, sizeof(*copy));
			return i + 1;
		}
	}
	if (copy != NULL)
		munmap(copy, sizeof(*copy));
	return 0;
}

uint32_t slt_resource_set(const struct slt_resource *resource)
{
	const int saved_errno = errno;
	uint32_t number;

	if (resource == NULL || resource->version != SLT_PROBE_VERSION || resource->length > SLT_RESOURCE_BYTES)
		return 0;
	number = number_of(resource);
	errno = saved_errno;
	return number;
}
