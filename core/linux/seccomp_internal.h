/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to the seccomp library: a profile as data, from Docker's JSON or from our own table.
 */
#ifndef BERTH_LINUX_SECCOMP_INTERNAL_H
#define BERTH_LINUX_SECCOMP_INTERNAL_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct seccomp_argument {
    uint32_t index;
    uint32_t operation; /* enum scmp_compare */
    uint64_t value, value_two;
};

/* Applies when every condition holds. Lists are words separated by spaces; NULL: no condition. */
struct seccomp_rule {
    const char *names;
    const char *arches, *not_arches; /* Docker's names: "amd64 x32" */
    uint64_t caps, not_caps;         /* all of caps, none of not_caps */
    const char *min_kernel, *below_kernel;
    uint32_t action; /* SCMP_ACT_* with its errno */
    const struct seccomp_argument *arguments;
    size_t argument_count;
};

struct seccomp_profile {
    uint32_t default_action;
    const char
        *architectures; /* "SCMP_ARCH_X86_64 SCMP_ARCH_X86"; NULL: the machine's usual ones */
    struct seccomp_rule *rules;
    size_t rule_count;
    void *memory; /* what a parsed profile owns */
};

/* Docker's default allow-list. */
extern const struct seccomp_rule seccomp_default_rules[];
extern const size_t seccomp_default_rule_count;

/* Parses a profile; seccomp_profile_done() it. INVALID names what is wrong. */
int seccomp_profile_parse(const char *text, struct seccomp_profile *ret, berth_error *err);
void seccomp_profile_done(struct seccomp_profile *profile);

#endif
