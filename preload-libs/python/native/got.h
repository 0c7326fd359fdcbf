/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLTAGENT_GOT_H
#define SLTAGENT_GOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A function that a loaded object calls by its name, and what it is to call instead. */
struct got_function {
	const char *name;
	uintptr_t original;
	uintptr_t replacement;
};

/*
 * In the loaded object that `inside` points into, and nowhere else. All of the
 * functions, or none where one of them is not called by way of the object's
 * global offset table, or a slot does not hold what it should: then false.
 */
bool got_replace(const void *inside, const struct got_function *functions, size_t count);

#endif
