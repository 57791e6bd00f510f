/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of the create body: environment, labels, health, restart policy, devices, security.
 */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/size.h"
#include "cli/csv.h"
#include "cli/run_flags.h"
#include "client/files.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)

static int32_t invalid(berth_error *err, const char *sentence)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "%s", sentence);
}

/* Reads a whole file; the error is Go's ("open FILE: no such file or directory"). */
static int32_t read_file(const char *path, struct berth_buffer *text, berth_error *err)
{
    berth_error reason = BERTH_ERROR_INIT;
    if (berth_client_file_read(path, FILE_MAX, text, &reason) == 0) {
        return 0;
    }
    if (reason.sys_errno == ENOENT) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "open %s: no such file or directory",
                               path);
    }
    return berth_error_move(err, &reason);
}

/* One line of an env or label file. */
static int32_t take_line(const char *path, char *line, bool from_environment,
                         struct berth_strv *lines, berth_error *err)
{
    while (isspace((unsigned char)*line)) {
        line++;
    }
    if (*line == '\0' || *line == '#') {
        return 0;
    }
    char *equal = strchrnul(line, '=');
    size_t name = (size_t)(equal - line);
    for (size_t i = 0; i < name; i++) {
        if (isspace((unsigned char)line[i])) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid env file (%s): variable '%.*s' contains whitespaces",
                                   path, (int)name, line);
        }
    }
    if (name == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid env file (%s): no variable name on line '%s'", path, line);
    }
    if (*equal == '=') {
        return berth_strv_add(lines, line) ? 0 : berth_error_no_memory(err);
    }
    const char *value = from_environment ? getenv(line) : NULL;
    if (value != NULL && !berth_strv_addf(lines, "%s=%s", line, value)) {
        return berth_error_no_memory(err);
    }
    return 0;
}

int32_t berth_read_pairs(const char *path, bool from_environment, struct berth_strv *lines,
                         berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    int32_t code = read_file(path, &text, err);
    char *at = text.data;
    if (code == 0 && at != NULL && strncmp(at, "\xef\xbb\xbf", 3) == 0) {
        at += 3; /* byte order mark */
    }
    while (code == 0 && at != NULL && *at != '\0') {
        char *end = strchrnul(at, '\n');
        char *next = *end == '\n' ? end + 1 : end;
        if (end > at && end[-1] == '\r') {
            end--;
        }
        *end = '\0';
        code = take_line(path, at, from_environment, lines, err);
        at = next;
    }
    return code;
}

/* Files first, then flags, so that flags win. */
static int32_t collect_pairs(const struct berth_flags *flags, const char *flag, const char *files,
                             bool from_environment, struct berth_strv *pairs, berth_error *err)
{
    const struct berth_strv *paths = berth_flags_list(flags, files);
    for (size_t i = 0; i < paths->count; i++) {
        int32_t code = berth_read_pairs(paths->items[i], from_environment, pairs, err);
        if (code != 0) {
            return code;
        }
    }
    return berth_strv_extend(pairs, berth_flags_list(flags, flag)) ? 0 : berth_error_no_memory(err);
}

int32_t berth_body_environment(const struct berth_flags *flags, struct json_object *body,
                               berth_error *err)
{
    AUTO_STRV struct berth_strv pairs = {0};
    int32_t code = collect_pairs(flags, "env", "env-file", true, &pairs, err);
    for (size_t i = 0; code == 0 && i < pairs.count; i++) {
        struct json_object *list = berth_body_array(body, "Env");
        const char *name = pairs.items[i];
        const char *value = strchr(name, '=') == NULL ? getenv(name) : NULL;
        if (value == NULL) {
            berth_body_add_text(list, name); /* NAME alone removes the image's variable */
            continue;
        }
        AUTO_FREE char *pair = berth_format("%s=%s", name, value);
        berth_body_add_text(list, pair != NULL ? pair : name);
    }
    return code;
}

int32_t berth_body_labels(const struct berth_flags *flags, struct json_object *body,
                          berth_error *err)
{
    AUTO_STRV struct berth_strv pairs = {0};
    int32_t code = collect_pairs(flags, "label", "label-file", false, &pairs, err);
    for (size_t i = 0; code == 0 && i < pairs.count; i++) {
        char *equal = strchr(pairs.items[i], '=');
        const char *value = equal != NULL ? equal + 1 : "";
        struct json_object *labels = berth_body_object(body, "Labels");
        struct json_object *text = json_object_new_string(value);
        if (equal != NULL) {
            *equal = '\0';
        }
        json_object_object_add(labels, pairs.items[i], text);
    }
    return code;
}

int32_t berth_body_health(const struct berth_flags *flags, struct json_object *body,
                          berth_error *err)
{
    static const struct {
        const char *flag, *path;
    } times[] = {{"health-interval", "Healthcheck/Interval"},
                 {"health-timeout", "Healthcheck/Timeout"},
                 {"health-start-period", "Healthcheck/StartPeriod"},
                 {"health-start-interval", "Healthcheck/StartInterval"}};
    const char *command = berth_flags_string(flags, "health-cmd");
    bool any = *command != '\0';
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        int64_t time = berth_flags_amount(flags, times[i].flag);
        if (time < 0) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "--%s cannot be negative",
                                   times[i].flag);
        }
        if (time > 0) {
            berth_body_set(body, times[i].path, json_object_new_int64(time));
            any = true;
        }
    }
    int64_t retries = berth_flags_int(flags, "health-retries");
    if (retries < 0) {
        return invalid(err, "--health-retries cannot be negative");
    }
    if (retries > 0) {
        berth_body_set(body, "Healthcheck/Retries", json_object_new_int64(retries));
        any = true;
    }
    if (berth_flags_bool(flags, "no-healthcheck")) {
        if (any) {
            return invalid(err, "--no-healthcheck conflicts with --health-* options");
        }
        berth_body_add_text(berth_body_array(body, "Healthcheck/Test"), "NONE");
    } else if (*command != '\0') {
        struct json_object *test = berth_body_array(body, "Healthcheck/Test");
        berth_body_add_text(test, "CMD-SHELL");
        berth_body_add_text(test, command);
    }
    return 0;
}

int32_t berth_body_restart(const char *policy, struct json_object *body, const char *path,
                           berth_error *err)
{
    const char *colon = strchr(policy, ':');
    int64_t count = 0;
    struct json_object *object = berth_body_object(body, path);
    if (colon == policy) {
        return invalid(err, "invalid restart policy format: no policy provided before colon");
    }
    if (colon != NULL && (!berth_str_to_int64(colon + 1, &count))) {
        return invalid(err,
                       "invalid restart policy format: maximum retry count must be an integer");
    }
    size_t length = colon != NULL ? (size_t)(colon - policy) : strlen(policy);
    json_object_object_add(object, "Name", json_object_new_string_len(policy, (int)length));
    if (colon != NULL) {
        json_object_object_add(object, "MaximumRetryCount", json_object_new_int64(count));
    }
    return 0;
}

static bool is_device_mode(const char *text)
{
    return *text != '\0' && strlen(text) <= 3 && strspn(text, "rwm") == strlen(text);
}

/* "/dev/x", "/dev/x:/dev/y", "/dev/x:r", "/dev/x:/dev/y:rw" or a CDI name "vendor/class=name". */
static int32_t add_device(const char *text, struct json_object *body, struct json_object *cdi,
                          berth_error *err)
{
    AUTO_STRV struct berth_strv parts = {0};
    if (*text != '/' && strchr(text, '/') != NULL && strchr(text, '=') != NULL) {
        berth_body_add_text(cdi, text);
        return 0;
    }
    if (!berth_strv_split(&parts, text, ':')) {
        return berth_error_no_memory(err);
    }
    if (parts.count > 3 || *parts.items[0] == '\0') {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid device specification: %s", text);
    }
    const char *inside = parts.items[0], *mode = "rwm";
    if (parts.count == 2 && is_device_mode(parts.items[1])) {
        mode = parts.items[1];
    } else if (parts.count >= 2) {
        inside = parts.items[1];
    }
    mode = parts.count == 3 ? parts.items[2] : mode;
    if (!is_device_mode(mode)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "bad mode specified: %s", mode);
    }
    struct json_object *device = json_object_new_object();
    json_object_object_add(device, "PathOnHost", json_object_new_string(parts.items[0]));
    json_object_object_add(device, "PathInContainer", json_object_new_string(inside));
    json_object_object_add(device, "CgroupPermissions", json_object_new_string(mode));
    json_object_array_add(berth_body_array(body, "HostConfig/Devices"), device);
    return 0;
}

/* "/dev/x:RATE" of the block device limits. */
static void add_limits(const struct berth_flags *flags, struct json_object *body)
{
    static const struct {
        const char *flag, *path, *member;
    } limits[] = {
        {"blkio-weight-device", "HostConfig/BlkioWeightDevice", "Weight"},
        {"device-read-bps", "HostConfig/BlkioDeviceReadBps", "Rate"},
        {"device-write-bps", "HostConfig/BlkioDeviceWriteBps", "Rate"},
        {"device-read-iops", "HostConfig/BlkioDeviceReadIOps", "Rate"},
        {"device-write-iops", "HostConfig/BlkioDeviceWriteIOps", "Rate"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        const struct berth_strv *list = berth_flags_list(flags, limits[i].flag);
        for (size_t j = 0; j < list->count; j++) {
            const char *colon = strchr(list->items[j], ':');
            int64_t rate = 0;
            struct json_object *limit = json_object_new_object();
            berth_size_parse(colon + 1, &rate); /* checked while parsing */
            json_object_object_add(
                limit, "Path",
                json_object_new_string_len(list->items[j], (int)(colon - list->items[j])));
            json_object_object_add(limit, limits[i].member, json_object_new_int64(rate));
            json_object_array_add(berth_body_array(body, limits[i].path), limit);
        }
    }
}

static void add_ulimits(const struct berth_flags *flags, struct json_object *body)
{
    AUTO_STRV struct berth_strv list = {0};
    berth_strv_extend(&list, berth_flags_list(flags, "ulimit"));
    berth_strv_sort(&list);
    for (size_t i = 0; i < list.count; i++) {
        const char *equal = strchr(list.items[i], '=');
        const char *colon = strchr(equal, ':');
        struct json_object *limit = json_object_new_object();
        int64_t soft = strtoll(equal + 1, NULL, 10);
        int64_t hard = colon != NULL ? strtoll(colon + 1, NULL, 10) : soft;
        json_object_object_add(
            limit, "Name", json_object_new_string_len(list.items[i], (int)(equal - list.items[i])));
        json_object_object_add(limit, "Hard", json_object_new_int64(hard));
        json_object_object_add(limit, "Soft", json_object_new_int64(soft));
        json_object_array_add(berth_body_array(body, "HostConfig/Ulimits"), limit);
    }
}

static struct json_object *new_device_request(struct json_object *body)
{
    struct json_object *request = json_object_new_object();
    json_object_array_add(berth_body_array(body, "HostConfig/DeviceRequests"), request);
    return request;
}

/* "all", "2", "device=1,driver=nvidia,count=..,capabilities=..,options=.." */
static int32_t parse_gpus(const char *text, struct json_object *body, berth_error *err)
{
    AUTO_STRV struct berth_strv fields = {0};
    if (!berth_csv_split(text, &fields)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "parse error on \"%s\"", text);
    }
    struct json_object *request = new_device_request(body);
    struct json_object *capabilities = json_object_new_array();
    bool gpu = false;
    for (size_t i = 0; i < fields.count; i++) {
        char *equal = strchr(fields.items[i], '=');
        const char *value = equal != NULL ? equal + 1 : fields.items[i];
        int64_t count = -1;
        if (equal == NULL || berth_str_starts(fields.items[i], "count=")) {
            if (strcmp(value, "all") != 0 && !berth_str_to_int64(value, &count)) {
                json_object_put(capabilities);
                return berth_error_set(err, BERTH_E_INVALID, 0,
                                       "invalid count (%s): value must be either \"all\" or an "
                                       "integer",
                                       value);
            }
            json_object_object_add(request, "Count", json_object_new_int64(count));
        } else if (berth_str_starts(fields.items[i], "device=")) {
            berth_body_add_text(berth_body_array(request, "DeviceIDs"), value);
        } else if (berth_str_starts(fields.items[i], "driver=")) {
            json_object_object_add(request, "Driver", json_object_new_string(value));
        } else if (berth_str_starts(fields.items[i], "capabilities=")) {
            berth_body_add_text(capabilities, value);
            gpu |= strcmp(value, "gpu") == 0;
        } else {
            json_object_put(capabilities);
            return berth_error_set(err, BERTH_E_INVALID, 0, "unexpected key in '%s'",
                                   fields.items[i]);
        }
    }
    if (!gpu) {
        berth_body_add_text(capabilities, "gpu");
    }
    json_object_array_add(berth_body_array(request, "Capabilities"), capabilities);
    return 0;
}

int32_t berth_check_gpus(const char *value, berth_error *err)
{
    struct json_object *scratch = json_object_new_object();
    int32_t code = parse_gpus(value, scratch, err);
    json_object_put(scratch);
    return code;
}

int32_t berth_body_devices(const struct berth_flags *flags, struct json_object *body,
                           berth_error *err)
{
    const struct berth_strv *devices = berth_flags_list(flags, "device");
    const struct berth_strv *gpus = berth_flags_list(flags, "gpus");
    struct json_object *cdi = json_object_new_array();
    int32_t code = 0;
    for (size_t i = 0; code == 0 && i < devices->count; i++) {
        code = add_device(devices->items[i], body, cdi, err);
    }
    for (size_t i = 0; code == 0 && i < gpus->count; i++) {
        code = parse_gpus(gpus->items[i], body, err);
    }
    if (code == 0 && json_object_array_length(cdi) > 0) {
        struct json_object *request = new_device_request(body);
        json_object_object_add(request, "Driver", json_object_new_string("cdi"));
        json_object_object_add(request, "DeviceIDs", json_object_get(cdi));
    }
    json_object_put(cdi);
    if (code == 0) {
        add_limits(flags, body);
        add_ulimits(flags, body);
    }
    return code;
}

/* "seccomp=FILE" is sent with the file's content. */
static int32_t add_seccomp(const char *path, struct json_object *options, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    berth_error reason = BERTH_ERROR_INIT;
    struct json_object *profile = NULL;
    int32_t code = read_file(path, &text, &reason);
    if (code != 0) {
        return berth_error_set(err, code, 0, "opening seccomp profile (%s) failed: %.300s", path,
                               reason.msg);
    }
    code = berth_json_parse(text.data, text.length, path, &profile, &reason);
    if (code != 0) {
        return berth_error_set(err, code, 0, "compacting json for seccomp profile (%s) failed: %s",
                               path, reason.msg);
    }
    AUTO_FREE char *option = berth_format(
        "seccomp=%s", json_object_to_json_string_ext(profile, JSON_C_TO_STRING_PLAIN |
                                                                  JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(profile);
    if (option == NULL) {
        return berth_error_no_memory(err);
    }
    berth_body_add_text(options, option);
    return 0;
}

int32_t berth_body_security(const struct berth_flags *flags, struct json_object *body,
                            berth_error *err)
{
    const struct berth_strv *list = berth_flags_list(flags, "security-opt");
    for (size_t i = 0; i < list->count; i++) {
        const char *option = list->items[i];
        const char *mark = strpbrk(option, "=:");
        size_t length = mark != NULL ? (size_t)(mark - option) : strlen(option);
        if (mark == NULL && strcmp(option, "no-new-privileges") != 0) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "Invalid --security-opt: \"%s\"",
                                   option);
        }
        if (strcmp(option, "systempaths=unconfined") == 0) {
            berth_body_array(body, "HostConfig/MaskedPaths");
            berth_body_array(body, "HostConfig/ReadonlyPaths");
            continue;
        }
        struct json_object *options = berth_body_array(body, "HostConfig/SecurityOpt");
        if (length == 7 && strncmp(option, "seccomp", 7) == 0 &&
            strcmp(mark + 1, "unconfined") != 0 && strcmp(mark + 1, "builtin") != 0) {
            int32_t code = add_seccomp(mark + 1, options, err);
            if (code != 0) {
                return code;
            }
            continue;
        }
        berth_body_add_text(options, option);
    }
    return 0;
}
