/* SPDX-License-Identifier: Apache-2.0
 *
 * Capabilities and seccomp of a container. Programs are compiled once for each profile and
 * capability set and kept.
 */
#include <string.h>

#include "container/start.h"
#include "linux/capabilities.h"
#include "linux/seccomp_filter.h"

enum { PROGRAMS_MAX = 64 };

struct seccomp_program {
    struct seccomp_program *next;
    char key[65];
    void *program;
    size_t length;
};

int container_capabilities(const struct berth_host_config *host, bool privileged, uint64_t *ret_set,
                           berth_error *err)
{
    struct berth_linux_capability_request request = {.add = &host->cap_add,
                                                     .drop = &host->cap_drop,
                                                     .base = berth_linux_capability_default,
                                                     .privileged = privileged};
    return berth_linux_capability_set(&request, ret_set, err);
}

/* The profile's text, NULL for the built-in one; false: unconfined. */
static bool choose_profile(const struct manager_defaults *defaults,
                           const struct berth_host_config *host, const char **ret_profile)
{
    const char *profile = defaults->seccomp_profile;
    for (size_t i = 0; i < host->security_opt.count; i++) {
        const char *option = host->security_opt.items[i];
        if (berth_str_starts(option, "seccomp=") || berth_str_starts(option, "seccomp:")) {
            profile = option + strlen("seccomp=");
        }
    }
    if (host->privileged || berth_str_equal(profile, "unconfined")) {
        return false;
    }
    *ret_profile = berth_str_empty(profile) || strcmp(profile, "builtin") == 0 ? NULL : profile;
    return true;
}

/* Under seccomp_lock. */
static const struct seccomp_program *find_program(struct berth_container_manager *manager,
                                                  const char *key)
{
    for (struct seccomp_program *at = manager->seccomp_programs; at != NULL; at = at->next) {
        if (strcmp(at->key, key) == 0) {
            return at;
        }
    }
    return NULL;
}

/* Under seccomp_lock: keeps a program (takes it); the oldest go when there are many. */
static bool keep_program(struct berth_container_manager *manager, const char *key, void *program,
                         size_t length)
{
    struct seccomp_program *entry = calloc(1, sizeof(*entry));
    if (entry == NULL) {
        return false;
    }
    memcpy(entry->key, key, sizeof(entry->key));
    entry->program = program;
    entry->length = length;
    entry->next = manager->seccomp_programs;
    manager->seccomp_programs = entry;
    struct seccomp_program **at = &manager->seccomp_programs;
    for (int count = 0; *at != NULL && count < PROGRAMS_MAX; count++) {
        at = &(*at)->next;
    }
    while (*at != NULL) {
        struct seccomp_program *old = *at;
        *at = old->next;
        free(old->program);
        free(old);
    }
    return true;
}

void container_seccomp_done(struct berth_container_manager *manager)
{
    while (manager->seccomp_programs != NULL) {
        struct seccomp_program *next = manager->seccomp_programs->next;
        free(manager->seccomp_programs->program);
        free(manager->seccomp_programs);
        manager->seccomp_programs = next;
    }
}

int container_seccomp(struct berth_container_manager *manager, const struct berth_host_config *host,
                      uint64_t capabilities, void **ret_program, size_t *ret_length,
                      berth_error *err)
{
    AUTO_DEFAULTS struct manager_defaults *defaults = manager_defaults_get(manager);
    const char *profile = NULL;
    char key[65];
    if (!choose_profile(defaults, host, &profile) || !berth_linux_seccomp_supported()) {
        *ret_program = NULL;
        *ret_length = 0;
        return 0;
    }
    berth_linux_seccomp_key(profile, capabilities, key);
    AUTO_LOCK(&manager->seccomp_lock);
    const struct seccomp_program *found = find_program(manager, key);
    if (found == NULL) {
        void *program = NULL;
        size_t length = 0;
        int result = berth_linux_seccomp_compile(profile, capabilities, &program, &length, err);
        if (result != 0) {
            return result;
        }
        if (!keep_program(manager, key, program, length)) {
            free(program);
            return berth_error_no_memory(err);
        }
        found = manager->seccomp_programs;
    }
    void *copy = malloc(found->length);
    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    memcpy(copy, found->program, found->length);
    *ret_program = copy;
    *ret_length = found->length;
    return 0;
}

bool container_no_new_privileges(const struct container *container)
{
    AUTO_DEFAULTS struct manager_defaults *defaults = manager_defaults_get(container->manager);
    return spec_no_new_privileges(&container->record.host_config, defaults->no_new_privileges);
}
