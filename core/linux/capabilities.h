/* SPDX-License-Identifier: Apache-2.0
 *
 * Capability names and sets. Sets are bit masks by number (bit 21 = CAP_SYS_ADMIN). Pure, except
 * for berth_linux_capability_available(); any thread.
 */
#ifndef BERTH_LINUX_CAPABILITIES_H
#define BERTH_LINUX_CAPABILITIES_H

#include "base/error.h"
#include "base/string.h"

#include <stdint.h>

/* Docker's default set of 14. */
extern const uint64_t berth_linux_capability_default;

/* All capabilities this build knows by name. */
uint64_t berth_linux_capability_all(void);

/* What this process may hand on: its bounding and permitted sets (read once from
 * /proc/self/status). What Docker calls known capabilities; others are dropped from ALL. */
uint64_t berth_linux_capability_available(void);

/* "CAP_CHOWN" for 0; NULL for an unknown number. */
const char *berth_linux_capability_name(unsigned int number);

/* The number of "CHOWN", "CAP_CHOWN" or "cap_chown"; -1 when unknown. */
int berth_linux_capability_parse(const char *name);

struct berth_linux_capability_request {
    const struct berth_strv *add, *drop; /* may be NULL */
    uint64_t base;                       /* berth_linux_capability_default */
    int privileged;
};
/* Docker's rule for --cap-add and --cap-drop over a base set, ALL included: with ALL added,
 * everything but the dropped; with ALL dropped, only the added; else base - drop + add.
 * privileged: everything available. INVALID: `invalid CapAdd: unknown capability: "X"`, or one
 * added by name that this process does not have itself. What the base has and we lack is dropped.
 */
int berth_linux_capability_set(const struct berth_linux_capability_request *request,
                               uint64_t *ret_set, berth_error *err);

#endif
