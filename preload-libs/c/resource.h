/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLT_RESOURCE_H
#define SLT_RESOURCE_H

#include "slt.h"

/* The resource that slt_resource_set() gave this number to; NULL: none. */
const struct slt_resource *slt_resource_by_number(uint32_t number);

#endif
