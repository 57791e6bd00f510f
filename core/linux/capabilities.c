/* SPDX-License-Identifier: Apache-2.0
 *
 * See capabilities.h. Numbers: include/uapi/linux/capability.h.
 */
#include "linux/capabilities.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

static const char *const names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

/* Docker's: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw
 * sys_chroot mknod audit_write setfcap. */
const uint64_t berth_linux_capability_default =
    1ull << 0 | 1ull << 1 | 1ull << 3 | 1ull << 4 | 1ull << 5 | 1ull << 6 | 1ull << 7 | 1ull << 8 |
    1ull << 10 | 1ull << 13 | 1ull << 18 | 1ull << 27 | 1ull << 29 | 1ull << 31;

uint64_t berth_linux_capability_all(void)
{
    return (1ull << NAME_COUNT) - 1;
}

static uint64_t available;

static void find_available(void)
{
    uint64_t bounding = 0, permitted = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");

    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, "CapBnd:", 7) == 0) {
            bounding = strtoull(line + 7, NULL, 16);
        } else if (strncmp(line, "CapPrm:", 7) == 0) {
            permitted = strtoull(line + 7, NULL, 16);
        }
    }
    if (status != NULL) {
        fclose(status);
    }
    available = bounding & permitted & berth_linux_capability_all();
}

uint64_t berth_linux_capability_available(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_available);
    return available;
}

const char *berth_linux_capability_name(unsigned int number)
{
    return number < NAME_COUNT ? names[number] : NULL;
}

int berth_linux_capability_parse(const char *name)
{
    if (strncasecmp(name, "CAP_", 4) == 0) {
        name += 4;
    }
    for (int i = 0; i < NAME_COUNT; i++) {
        if (strcasecmp(names[i] + 4, name) == 0) {
            return i;
        }
    }
    return -1;
}

static int parse_list(const struct berth_strv *list, const char *field, uint64_t *ret_set,
                      int *ret_all, berth_error *err)
{
    uint64_t set = 0;
    int all = 0;

    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const char *name = list->items[i];
        int number = berth_linux_capability_parse(name);
        if (strcasecmp(name, "ALL") == 0 || strcasecmp(name, "CAP_ALL") == 0) {
            all = 1;
        } else if (number >= 0) {
            set |= 1ull << number;
        } else {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid %s: unknown capability: \"%s\"", field, name);
        }
    }
    *ret_set = set;
    *ret_all = all;
    return 0;
}

int berth_linux_capability_set(const struct berth_linux_capability_request *request,
                               uint64_t *ret_set, berth_error *err)
{
    uint64_t add, drop, set, usable = berth_linux_capability_available();
    int add_all, drop_all;
    int result = parse_list(request->add, "CapAdd", &add, &add_all, err);

    if (result == 0) {
        result = parse_list(request->drop, "CapDrop", &drop, &drop_all, err);
    }
    if (result != 0) {
        return result;
    }
    if (request->privileged) {
        set = usable;
    } else if (add_all) {
        set = usable & ~drop; /* a drop of ALL beside it changes nothing, as in Docker */
    } else if (drop_all) {
        set = add;
    } else {
        set = (request->base & ~drop) | add;
    }
    for (unsigned int i = 0; i < NAME_COUNT; i++) {
        if ((add & ~usable) >> i & 1) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid CapAdd: capability not supported by kernel or not "
                                   "available in the current environment: \"%s\"",
                                   names[i]);
        }
    }
    *ret_set = set & usable;
    return 0;
}
