/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of containers: the rule, and names made up for those who give none.
 */
#ifndef BERTH_CONTAINER_NAME_H
#define BERTH_CONTAINER_NAME_H

#include <stdbool.h>
#include <stdint.h>

/* [a-zA-Z0-9][a-zA-Z0-9_.-]+ without the leading slash; one character alone is not a name. */
bool berth_container_name_valid(const char *name);
/* "adjective_surname" chosen by seed, with a digit appended when attempt > 0. The caller's to
 * free; NULL: out of memory. */
char *berth_container_name_generate(uint64_t seed, unsigned attempt);

#endif
