/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON documents with Go's indentation and escapes.
 */
#include <json-c/json.h>
#include <string.h>

#include "cli/output.h"

#define INDENT 4

/* json-c's text of a scalar, with what Go escapes for HTML's sake. */
static void print_scalar(struct json_object *json, FILE *out)
{
    const char *text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '<' || *at == '>' || *at == '&') {
            fprintf(out, "\\u%04x", *at);
        } else {
            fputc(*at, out);
        }
    }
}

static void new_line(int depth, FILE *out)
{
    fprintf(out, "\n%*s", depth * INDENT, "");
}

static void print_value(struct json_object *json, int depth, FILE *out);

static void print_array(struct json_object *array, int depth, FILE *out)
{
    size_t count = json_object_array_length(array);
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? "," : "", out);
        new_line(depth + 1, out);
        print_value(json_object_array_get_idx(array, i), depth + 1, out);
    }
    if (count > 0) {
        new_line(depth, out);
    }
    fputc(']', out);
}

static void print_object(struct json_object *object, int depth, FILE *out)
{
    bool first = true;
    fputc('{', out);
    json_object_object_foreach(object, key, value)
    {
        struct json_object *name = json_object_new_string(key);
        fputs(first ? "" : ",", out);
        first = false;
        new_line(depth + 1, out);
        print_scalar(name, out);
        fputs(": ", out);
        print_value(value, depth + 1, out);
        json_object_put(name);
    }
    if (!first) {
        new_line(depth, out);
    }
    fputc('}', out);
}

static void print_value(struct json_object *json, int depth, FILE *out)
{
    if (json_object_is_type(json, json_type_array)) {
        print_array(json, depth, out);
    } else if (json_object_is_type(json, json_type_object)) {
        print_object(json, depth, out);
    } else {
        print_scalar(json, out);
    }
}

void berth_output_json(struct json_object *json, FILE *out)
{
    print_value(json, 0, out);
    fputc('\n', out);
}
