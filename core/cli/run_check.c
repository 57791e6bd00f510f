/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of the values of run's flags, in Docker's words.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cli/run_flags.h"

bool berth_parse_address(const char *text, unsigned char ret_bytes[16])
{
    return inet_pton(AF_INET, text, ret_bytes) == 1 || inet_pton(AF_INET6, text, ret_bytes) == 1;
}

bool berth_is_address(const char *text)
{
    unsigned char bytes[16];
    return berth_parse_address(text, bytes);
}

int32_t berth_check_add_host(const char *value, berth_error *err)
{
    const char *mark = strpbrk(value, "=:");
    if (mark == NULL || mark == value) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "bad format for add-host: \"%s\"", value);
    }
    AUTO_FREE char *ip = strdup(mark + 1);
    if (ip == NULL) {
        return berth_error_no_memory(err);
    }
    size_t length = strlen(ip);
    char *plain = ip;
    if (*ip == '[' && ip[length - 1] == ']') {
        ip[length - 1] = '\0';
        plain++;
    }
    if (strcmp(plain, "host-gateway") != 0 && !berth_is_address(plain)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid IP address in add-host: \"%s\"",
                               plain);
    }
    return 0;
}

int32_t berth_check_attach(const char *value, berth_error *err)
{
    if (strcasecmp(value, "stdin") != 0 && strcasecmp(value, "stdout") != 0 &&
        strcasecmp(value, "stderr") != 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "valid streams are STDIN, STDOUT and STDERR");
    }
    return 0;
}

/* A number or "*". */
static const char *skip_device_number(const char *at)
{
    if (*at == '*') {
        return at + 1;
    }
    size_t digits = strspn(at, "0123456789");
    return digits > 0 ? at + digits : NULL;
}

/* "c 1:3 rwm" */
int32_t berth_check_cgroup_rule(const char *value, berth_error *err)
{
    const char *at = value;
    bool fine = *at != '\0' && strchr("abc", *at) != NULL && at[1] == ' ';
    if (fine) {
        at = skip_device_number(at + 2);
        fine = at != NULL && *at == ':';
    }
    if (fine) {
        at = skip_device_number(at + 1);
        fine = at != NULL && *at == ' ';
    }
    if (fine) {
        size_t modes = strspn(at + 1, "rwm");
        fine = modes >= 1 && modes <= 3 && at[1 + modes] == '\0';
    }
    return fine ? 0
                : berth_error_set(err, BERTH_E_INVALID, 0, "invalid device cgroup format '%s'",
                                  value);
}

int32_t berth_body_cpus(const char *text, int64_t *ret_nano, berth_error *err)
{
    size_t whole = strspn(text, "0123456789");
    const char *fraction = text[whole] == '.' ? text + whole + 1 : "";
    size_t digits = strspn(fraction, "0123456789");
    if ((whole == 0 && digits == 0) || whole > 9 || fraction[digits] != '\0' ||
        (text[whole] != '\0' && text[whole] != '.')) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "failed to parse %s as a rational number",
                               text);
    }
    int64_t nano = strtoll(text, NULL, 10) * 1000000000, unit = 100000000;
    for (size_t i = 0; i < digits; i++, unit /= 10) {
        nano += (fraction[i] - '0') * unit;
        if (unit == 0 && fraction[i] != '0') {
            return berth_error_set(err, BERTH_E_INVALID, 0, "value is too precise");
        }
    }
    *ret_nano = nano;
    return 0;
}

int32_t berth_check_cpus(const char *value, berth_error *err)
{
    int64_t nano = 0;
    return berth_body_cpus(value, &nano, err);
}

/* "/dev/x:VALUE"; *ret_value: what stands behind the colon. */
static int32_t split_device(const char *value, const char **ret_value, berth_error *err)
{
    const char *colon = strchr(value, ':');
    if (colon == NULL || colon[1] == '\0') {
        return berth_error_set(err, BERTH_E_INVALID, 0, "bad format: %s", value);
    }
    if (!berth_str_starts(value, "/dev/")) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "bad format for device path: %s", value);
    }
    *ret_value = colon + 1;
    return 0;
}

int32_t berth_check_device_bps(const char *value, berth_error *err)
{
    const char *text = NULL;
    int64_t rate = 0;
    int32_t code = split_device(value, &text, err);
    if (code == 0 && (!berth_size_parse(text, &rate) || rate < 0)) {
        code = berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid rate for device: %s. The correct format is "
                               "<device-path>:<number>[<unit>]. Number must be a positive "
                               "integer. Unit is optional and can be kb, mb, or gb",
                               value);
    }
    return code;
}

int32_t berth_check_device_iops(const char *value, berth_error *err)
{
    const char *text = NULL;
    int64_t rate = 0;
    int32_t code = split_device(value, &text, err);
    if (code == 0 && (!berth_str_to_int64(text, &rate) || rate < 0)) {
        code = berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid rate for device: %s. The correct format is "
                               "<device-path>:<number>. Number must be a positive integer",
                               value);
    }
    return code;
}

int32_t berth_check_device_weight(const char *value, berth_error *err)
{
    const char *text = NULL;
    int64_t weight = 0;
    int32_t code = split_device(value, &text, err);
    if (code == 0 && (!berth_str_to_int64(text, &weight) || weight < 0 ||
                      (weight > 0 && weight < 10) || weight > 1000)) {
        code = berth_error_set(err, BERTH_E_INVALID, 0, "invalid weight for device: %s", value);
    }
    return code;
}

int32_t berth_check_weight(const char *value, berth_error *err)
{
    int64_t weight = 0;
    if (!berth_str_to_int64(value, &weight) || weight > 65535) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "strconv.ParseUint: parsing \"%s\": value out of range", value);
    }
    return 0;
}

int32_t berth_check_dns(const char *value, berth_error *err)
{
    if (!berth_is_address(value)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "IP address is not correctly formatted: %s",
                               value);
    }
    return 0;
}

int32_t berth_check_env(const char *value, berth_error *err)
{
    if (*value == '\0' || *value == '=') {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid environment variable: %s", value);
    }
    return 0;
}

int32_t berth_check_label(const char *value, berth_error *err)
{
    if (*value == '\0' || *value == '=') {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid label '%s': empty name", value);
    }
    return 0;
}

int32_t berth_check_link(const char *value, berth_error *err)
{
    const char *colon = strchr(value, ':');
    if (*value == '\0' || (colon != NULL && strchr(colon + 1, ':') != NULL)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "bad format for links: %s", value);
    }
    return 0;
}

int32_t berth_check_sysctl(const char *value, berth_error *err)
{
    static const char *const names[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                        "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                        "kernel.shmmni", "kernel.shm_rmid_forced"};
    const char *equal = strchr(value, '=');
    size_t length = equal != NULL ? (size_t)(equal - value) : 0;
    bool fine =
        equal != NULL && (berth_str_starts(value, "net.") || berth_str_starts(value, "fs.mqueue."));
    for (size_t i = 0; equal != NULL && i < ARRAY_SIZE(names); i++) {
        fine |= strlen(names[i]) == length && strncmp(names[i], value, length) == 0;
    }
    return fine ? 0 : berth_error_set(err, BERTH_E_INVALID, 0, "sysctl '%s' is not allowed", value);
}

int32_t berth_check_ulimit(const char *value, berth_error *err)
{
    static const char types[] = " core cpu data fsize locks memlock msgqueue nice nofile nproc rss "
                                "rtprio rttime sigpending stack ";
    const char *equal = strchr(value, '=');
    int64_t soft = 0, hard = 0;
    if (equal == NULL || equal[1] == '\0' || equal == value) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid ulimit argument: %s", value);
    }
    AUTO_FREE char *name = berth_format(" %.*s ", (int)(equal - value), value);
    if (name == NULL || strstr(types, name) == NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid ulimit type: %.*s",
                               (int)(equal - value), value);
    }
    const char *colon = strchr(equal, ':');
    AUTO_FREE char *first =
        colon != NULL ? strndup(equal + 1, (size_t)(colon - equal - 1)) : strdup(equal + 1);
    const char *second = colon != NULL ? colon + 1 : first;
    if (first == NULL || !berth_str_to_int64(first, &soft) || !berth_str_to_int64(second, &hard)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "strconv.ParseInt: parsing \"%s\": invalid syntax", equal + 1);
    }
    if (hard != -1 && (soft == -1 || soft > hard)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "ulimit soft limit must be less than or equal to hard limit: "
                               "%lld > %lld",
                               (long long)soft, (long long)hard);
    }
    return 0;
}
