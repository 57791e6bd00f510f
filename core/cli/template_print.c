/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as Go prints them.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/template_internal.h"

/* Members of the API's objects that are maps in Go: an absent key is no error, nothing in them
 * prints as "map[]". */
static const char *const map_members[] = {
    "Labels", "ExposedPorts", "Ports",      "PortBindings", "Volumes",  "StorageOpt",
    "Tmpfs",  "Annotations",  "DriverOpts", "Options",      "Networks", "Sysctls",
    "Data",   "Containers",   "Services",   "Attributes",
};

/* Members that are pointers in Go, or that the daemon leaves out when they are not set. */
static const char *const pointer_members[] = {
    "Health",     "OomKillDisable", "PidsLimit", "MemorySwappiness", "Healthcheck",
    "IPAMConfig", "Init",           "UsageData", "Descriptor",       "Platform",
    "RootFS",     "StopTimeout",    "TLSInfo",   "ClusterVolume",    "ImageManifestDescriptor",
    "Manifests",
};

/* Strings that the daemon leaves out when they are empty. */
static const char *const text_members[] = {
    "MacAddress", "StopSignal", "NetworkMode", "Parent", "Comment", "Author",     "Variant",
    "Domainname", "User",       "WorkingDir",  "Error",  "Runtime", "ConfigFrom",
};

static const char *const list_members[] = {
    "Mounts",  "Cmd",      "Entrypoint", "Env",     "Shell", "OnBuild",  "RepoTags", "RepoDigests",
    "Aliases", "DNSNames", "Links",      "ExecIDs", "Binds", "Warnings", "Layers",
};

static bool contains(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool berth_template_is_map(const char *member)
{
    return contains(map_members, ARRAY_SIZE(map_members), member);
}

const char *berth_template_absent(const char *member)
{
    if (berth_template_is_map(member)) {
        return "map[]";
    }
    if (contains(pointer_members, ARRAY_SIZE(pointer_members), member)) {
        return "<nil>";
    }
    if (contains(text_members, ARRAY_SIZE(text_members), member)) {
        return "";
    }
    return contains(list_members, ARRAY_SIZE(list_members), member) ? "[]" : NULL;
}

bool berth_template_truth(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        return json_object_get_boolean(value);
    case json_type_int:
        return json_object_get_int64(value) != 0;
    case json_type_double:
        return json_object_get_double(value) != 0;
    case json_type_string:
        return json_object_get_string_len(value) > 0;
    case json_type_array:
        return json_object_array_length(value) > 0;
    case json_type_object:
        return json_object_object_length(value) > 0;
    case json_type_null:
    default:
        return false;
    }
}

/* The shortest decimal that reads back as the same number, with Go's %v exponent rule. */
static void print_double(double value, struct berth_buffer *out)
{
    char text[40];
    int digits = 1;
    do {
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
    } while (strtod(text, NULL) != value && ++digits <= 17);
    const char *exponent = strchr(text, 'e');
    int power = exponent != NULL ? (int)strtol(exponent + 1, NULL, 10) : 0;
    if (exponent != NULL && power >= -4 && power < 21) {
        int decimals = digits - 1 - power;
        berth_buffer_format(out, "%.*f", decimals > 0 ? decimals : 0, value);
        return;
    }
    berth_buffer_add(out, text);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* map[key:value ...], sorted by key. */
static void print_object(struct json_object *object, struct berth_buffer *out)
{
    size_t count = 0;
    AUTO_FREE const char **keys =
        calloc((size_t)json_object_object_length(object) + 1, sizeof(*keys));
    if (keys == NULL) {
        out->failed = true;
        return;
    }
    json_object_object_foreach(object, key, unused)
    {
        (void)unused;
        keys[count++] = key;
    }
    qsort(keys, count, sizeof(*keys), compare_keys);
    berth_buffer_add(out, "map[");
    for (size_t i = 0; i < count; i++) {
        berth_buffer_format(out, "%s%s:", i > 0 ? " " : "", keys[i]);
        berth_template_print(json_object_object_get(object, keys[i]), out);
    }
    berth_buffer_add(out, "]");
}

void berth_template_print(struct json_object *value, struct berth_buffer *out)
{
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        berth_buffer_add(out, json_object_get_boolean(value) ? "true" : "false");
        return;
    case json_type_int:
        berth_buffer_format(out, "%" PRId64, json_object_get_int64(value));
        return;
    case json_type_double:
        print_double(json_object_get_double(value), out);
        return;
    case json_type_string:
        berth_buffer_append(out, json_object_get_string(value),
                            (size_t)json_object_get_string_len(value));
        return;
    case json_type_array:
        berth_buffer_add(out, "[");
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            berth_buffer_add(out, i > 0 ? " " : "");
            berth_template_print(json_object_array_get_idx(value, i), out);
        }
        berth_buffer_add(out, "]");
        return;
    case json_type_object:
        print_object(value, out);
        return;
    case json_type_null:
    default:
        berth_buffer_add(out, "<nil>");
        return;
    }
}

void berth_template_print_value(const struct value *value, struct berth_buffer *out)
{
    if (value->json == NULL) {
        berth_buffer_add(out, value->nil_text != NULL ? value->nil_text : "<no value>");
    } else {
        berth_template_print(value->json, out);
    }
}

/* Go's %q. */
static void print_quoted(const char *text, struct berth_buffer *out)
{
    berth_buffer_add(out, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        const char *found = strchr("\a\b\f\n\r\t\v\\\"", *at);
        if (found != NULL) {
            berth_buffer_format(out, "\\%c", "abfnrtv\\\""[found - "\a\b\f\n\r\t\v\\\""]);
        } else if (*at < ' ' || *at == 127) {
            berth_buffer_format(out, "\\x%02x", *at);
        } else {
            berth_buffer_append(out, at, 1);
        }
    }
    berth_buffer_add(out, "\"");
}

struct directive {
    char flags[8];
    int width, precision; /* -1: none */
    char verb;
};

/* Reads what stands behind "%"; returns what follows it. */
static const char *parse_directive(const char *at, struct directive *directive)
{
    *directive = (struct directive){.width = -1, .precision = -1};
    size_t count = strspn(at, "+-# 0");
    memcpy(directive->flags, at, count < 7 ? count : 7);
    at += count;
    char *end = NULL;
    if (*at >= '0' && *at <= '9') {
        long width = strtol(at, &end, 10);
        directive->width = width < 10000 ? (int)width : 10000;
        at = end;
    }
    if (*at == '.') {
        long precision = strtol(at + 1, &end, 10);
        directive->precision = precision < 0 ? 0 : precision < 10000 ? (int)precision : 10000;
        at = end;
    }
    directive->verb = *at;
    return *at != '\0' ? at + 1 : at;
}

static void print_number(const struct directive *directive, struct json_object *value,
                         struct berth_buffer *out)
{
    char format[48];
    bool fraction = strchr("eEfFgG", directive->verb) != NULL;
    char width[16] = "", precision[16] = "";
    if (directive->width >= 0) {
        snprintf(width, sizeof(width), "%d", directive->width);
    }
    if (directive->precision >= 0) {
        snprintf(precision, sizeof(precision), ".%d", directive->precision);
    }
    snprintf(format, sizeof(format), "%%%s%s%s%s%c", directive->flags, width, precision,
             fraction ? "" : "ll", directive->verb);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (fraction) {
        berth_buffer_format(out, format, json_object_get_double(value));
    } else {
        berth_buffer_format(out, format, (long long)json_object_get_int64(value));
    }
#pragma GCC diagnostic pop
}

static void print_padded(const struct directive *directive, const char *text,
                         struct berth_buffer *out)
{
    int length = directive->precision >= 0 && directive->verb == 's' ? directive->precision : -1;
    bool left = strchr(directive->flags, '-') != NULL;
    int width = directive->width > 0 ? directive->width : 0;
    length = length < 0 || length > (int)strlen(text) ? (int)strlen(text) : length;
    if (left) {
        berth_buffer_format(out, "%-*.*s", width, length, text);
    } else {
        berth_buffer_format(out, "%*.*s", width, length, text);
    }
}

static void print_directive(const struct directive *directive, const struct value *value,
                            struct berth_buffer *out)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    enum json_type type = json_object_get_type(value->json);
    bool number = type == json_type_int || type == json_type_double;
    if (number && strchr("dxXocefgEFG", directive->verb) != NULL && directive->verb != '\0') {
        print_number(directive, value->json, out);
        return;
    }
    berth_template_print_value(value, &text);
    if (directive->verb == 'q') {
        AUTO_FREE char *plain = berth_buffer_take(&text);
        print_quoted(plain != NULL ? plain : "", &text);
    } else if (directive->verb == 'x' && type == json_type_string) {
        AUTO_FREE char *plain = berth_buffer_take(&text);
        for (const char *at = plain; at != NULL && *at != '\0'; at++) {
            berth_buffer_format(&text, "%02x", (unsigned char)*at);
        }
    } else if (strchr("svtT", directive->verb) == NULL) {
        AUTO_FREE char *plain = berth_buffer_take(&text);
        berth_buffer_format(&text, "%%!%c(%s=%s)", directive->verb,
                            type == json_type_string ? "string"
                            : number                 ? "int"
                                                     : "value",
                            plain);
    }
    print_padded(directive, text.data != NULL ? text.data : "", out);
}

int32_t berth_template_printf(const struct value *args, size_t count, struct berth_buffer *out,
                              berth_error *err)
{
    if (count == 0 || !json_object_is_type(args[0].json, json_type_string)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "wrong type for value; expected string");
    }
    size_t used = 1;
    for (const char *at = json_object_get_string(args[0].json); *at != '\0';) {
        struct directive directive;
        if (*at != '%') {
            berth_buffer_append(out, at++, 1);
            continue;
        }
        at = parse_directive(at + 1, &directive);
        if (directive.verb == '%') {
            berth_buffer_add(out, "%");
        } else if (directive.verb == '\0') {
            berth_buffer_add(out, "%!(NOVERB)");
        } else if (used == count) {
            berth_buffer_format(out, "%%!%c(MISSING)", directive.verb);
        } else {
            print_directive(&directive, &args[used++], out);
        }
    }
    for (bool first = true; used < count; used++, first = false) {
        berth_buffer_add(out, first ? "%!(EXTRA " : ", ");
        berth_buffer_add(out, json_object_is_type(args[used].json, json_type_string) ? "string="
                                                                                     : "int=");
        berth_template_print_value(&args[used], out);
        berth_buffer_add(out, used + 1 == count ? ")" : "");
    }
    return 0;
}
