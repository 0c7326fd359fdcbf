// SPDX-License-Identifier: GPL-2.0-only
/* The definitions of the shared maps, and the licence of the linked object. */
#define SLT_MAP
#include "maps.h"

char LICENSE[] SEC("license") = "GPL";
