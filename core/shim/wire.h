/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to core/shim: the fixed heads of the spec's wire form and the error helper that works
 * without core/base.
 */
#ifndef BERTH_SHIM_WIRE_H
#define BERTH_SHIM_WIRE_H

#include <berth/error.h>
#include <stdint.h>

#define BERTH_SHIM_WIRE_REQUIRED 1u /* section flag: refuse the spec if the id is unknown */

struct berth_shim_wire_header {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t total_length; /* with this header */
    uint32_t section_count;
    uint32_t fd_count;
    uint32_t unused;
};

struct berth_shim_wire_section {
    uint16_t id;
    uint16_t flags;
    uint32_t length; /* of what follows */
};

/* Field 22 of the text of /proc/PID/stat; 0 when it is not there. */
uint64_t berth_shim_stat_start_time(const char *text);

/* Fills err (may be NULL) and returns code. */
int berth_shim_fail(berth_error *err, int code, int sys_errno, const char *sentence);

#endif
