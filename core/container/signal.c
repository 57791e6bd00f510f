/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of the API to bytes: signal names and detach keys.
 */
#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "container/internal.h"

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},       {"CHLD", SIGCHLD},
    {"CLD", SIGCHLD},  {"CONT", SIGCONT}, {"FPE", SIGFPE},       {"HUP", SIGHUP},
    {"ILL", SIGILL},   {"INT", SIGINT},   {"IO", SIGIO},         {"IOT", SIGIOT},
    {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"POLL", SIGPOLL},     {"PROF", SIGPROF},
    {"PWR", SIGPWR},   {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},     {"STKFLT", SIGSTKFLT},
    {"STOP", SIGSTOP}, {"SYS", SIGSYS},   {"TERM", SIGTERM},     {"TRAP", SIGTRAP},
    {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},
    {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
};

/* the kernel's own numbers: glibc keeps 32 and 33 for itself */
enum { KERNEL_RTMIN = 34, KERNEL_RTMAX = 64 };

int container_signal_parse(const char *text)
{
    int64_t number = 0;
    if (berth_str_empty(text)) {
        return -1;
    }
    if (berth_str_to_int64(text, &number)) {
        return number > 0 && number <= KERNEL_RTMAX ? (int)number : -1;
    }
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (strcasecmp(signals[i].name, name) == 0) {
            return signals[i].number;
        }
    }
    bool from_min = strncasecmp(name, "RTMIN", 5) == 0;
    if (!from_min && strncasecmp(name, "RTMAX", 5) != 0) {
        return -1;
    }
    int base = from_min ? KERNEL_RTMIN : KERNEL_RTMAX;
    if (name[5] == '\0') {
        return base;
    }
    if (name[5] != (from_min ? '+' : '-') || !berth_str_to_int64(name + 5, &number)) {
        return -1;
    }
    number += base;
    return number >= KERNEL_RTMIN && number <= KERNEL_RTMAX ? (int)number : -1;
}

/* One key: a character, or "ctrl-" with a letter or one of @ [ \ ] ^ _. -1: neither. */
static int key_parse(const char *text, size_t length)
{
    if (length == 1) {
        return (unsigned char)text[0];
    }
    if (length != 6 || strncmp(text, "ctrl-", 5) != 0) {
        return -1;
    }
    char key = text[5];
    if (key >= 'a' && key <= 'z') {
        return key - 'a' + 1;
    }
    if (key == '@') {
        return 0;
    }
    /* "[" is 27, and the rest follow as in ASCII */
    return key >= '[' && key <= '_' ? 27 + (key - '[') : -1;
}

int container_detach_keys_parse(const char *text, unsigned char ret_keys[BERTH_SHIM_KEYS_MAX],
                                uint32_t *ret_count, berth_error *err)
{
    uint32_t count = 0;
    const char *at = text;
    if (berth_str_empty(text)) {
        *ret_count = 0;
        return 0;
    }
    for (;;) {
        size_t length = strcspn(at, ",");
        int key = key_parse(at, length);
        if (key < 0 || count >= BERTH_SHIM_KEYS_MAX) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "Invalid detach keys (%s) provided",
                                   text);
        }
        ret_keys[count++] = (unsigned char)key;
        if (at[length] == '\0') {
            break;
        }
        at += length + 1;
    }
    *ret_count = count;
    return 0;
}
