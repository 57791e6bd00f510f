/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of rows as tables, templates or JSON.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/output.h"
#include "client/config.h"

static bool is_table(const char *format)
{
    return strcmp(format, "table") == 0 || berth_str_starts(format, "table ");
}

/* The format in force: the flag, the user's configuration, or the table. */
static const char *chosen_format(struct berth_cli *cli, const struct berth_listing *listing)
{
    if (*listing->format != '\0') {
        return listing->format;
    }
    if (listing->config_key != NULL && listing->quiet == NULL) {
        const struct berth_config *config = berth_cli_config(cli);
        const char *format =
            config != NULL ? berth_config_string(config, listing->config_key) : NULL;
        if (format != NULL) {
            return format;
        }
    }
    return "table";
}

/* The template behind a format word. The caller's to free. */
static char *template_text(const struct berth_listing *listing, const char *format)
{
    if (strcmp(format, "json") == 0) {
        return strdup("{{json .}}");
    }
    if (strcmp(format, "raw") == 0 && listing->raw != NULL) {
        return strdup(listing->raw);
    }
    if (is_table(format)) {
        if (listing->quiet != NULL) {
            return strdup(listing->quiet);
        }
        return strcmp(format, "table") == 0 ? strdup(listing->table)
                                            : berth_template_unescape(format + strlen("table "));
    }
    return berth_template_unescape(format);
}

bool berth_listing_uses(struct berth_cli *cli, const struct berth_listing *listing,
                        const char *member)
{
    AUTO_FREE char *text = template_text(listing, chosen_format(cli, listing));
    return text != NULL && (strstr(text, member) != NULL || strstr(text, "json .") != NULL);
}

/* .Label "x" of a row is found in the labels that the row carries as userdata. */
static bool label_method(struct json_object *row, const char *name, struct json_object *argument,
                         struct json_object **ret_value)
{
    struct json_object *labels = json_object_get_userdata(row), *found = NULL;
    if (strcmp(name, "Label") != 0 || argument == NULL) {
        return false;
    }
    if (labels != NULL) {
        json_object_object_get_ex(labels, json_object_get_string(argument), &found);
    }
    *ret_value = found != NULL ? json_object_get(found) : json_object_new_string("");
    return true;
}

/* In the header line {{.Label "x"}} is x. */
static bool header_method(struct json_object *row, const char *name, struct json_object *argument,
                          struct json_object **ret_value)
{
    (void)row;
    if (argument == NULL) {
        *ret_value = json_object_new_string(name);
        return true;
    }
    const char *text = json_object_get_string(argument);
    const char *dot = strrchr(text, '.');
    AUTO_FREE char *last = strdup(dot != NULL ? dot + 1 : text);
    for (char *at = last; at != NULL && *at != '\0'; at++) {
        *at = *at == '-' || *at == '_' ? ' ' : *at;
    }
    *ret_value = json_object_new_string(last != NULL ? last : text);
    return true;
}

static int32_t print_header(const struct berth_template *template,
                            const struct berth_listing *listing, struct berth_buffer *out,
                            berth_error *err)
{
    struct berth_template_source source = {.type = listing->type, .method = header_method};
    struct json_object *row = json_object_new_object();
    for (size_t i = 0; listing->headers[i][0] != NULL; i++) {
        berth_json_set(row, listing->headers[i][0], listing->headers[i][1]);
    }
    int32_t code = berth_template_execute(template, &source, row, out, err);
    berth_buffer_add(out, "\n");
    json_object_put(row);
    return code;
}

static int32_t print_rows(const struct berth_template *template,
                          const struct berth_listing *listing, struct json_object *rows,
                          struct berth_buffer *out, berth_error *err)
{
    struct berth_template_source source = {.type = listing->type,
                                           .method = listing->labels ? label_method : NULL};
    int32_t code = 0;
    for (size_t i = 0; code == 0 && i < json_object_array_length(rows); i++) {
        code =
            berth_template_execute(template, &source, json_object_array_get_idx(rows, i), out, err);
        berth_buffer_add(out, "\n");
    }
    return code;
}

/* Rows as JSON have < > & escaped, as Go's encoder does for HTML's sake. */
static void print_escaped(const struct berth_buffer *out)
{
    for (size_t i = 0; i < out->length; i++) {
        if (strchr("<>&", out->data[i]) != NULL && out->data[i] != '\0') {
            printf("\\u%04x", out->data[i]);
        } else {
            putchar(out->data[i]);
        }
    }
}

int berth_listing_print(struct berth_cli *cli, const struct berth_listing *listing,
                        struct json_object *rows)
{
    const char *format = chosen_format(cli, listing);
    bool table = is_table(format) && listing->quiet == NULL;
    AUTO_FREE char *text = template_text(listing, format);
    AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
    struct berth_template *template = NULL;
    berth_error err = BERTH_ERROR_INIT;
    if (text == NULL) {
        return berth_cli_failf("out of memory");
    }
    if (berth_template_parse(text, &template, &err) != 0) {
        return berth_cli_failf("failed to parse template: %s", err.msg);
    }
    int32_t code = table ? print_header(template, listing, &out, &err) : 0;
    if (code == 0) {
        code = print_rows(template, listing, rows, &out, &err);
    }
    berth_template_free(template);
    if (code != 0) {
        return berth_cli_failf("failed to execute template: %s", err.msg);
    }
    if (table && out.data != NULL) {
        berth_output_columns(out.data, 10, 3, stdout);
    } else if (strcmp(text, "{{json .}}") == 0 && out.data != NULL) {
        print_escaped(&out);
    } else if (out.data != NULL) {
        fwrite(out.data, 1, out.length, stdout);
    }
    return 0;
}

int berth_output_template(const char *format, const char *type, struct json_object *data)
{
    struct berth_template_source source = {.type = type};
    AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
    AUTO_FREE char *text =
        berth_template_unescape(strcmp(format, "json") == 0 ? "{{json .}}" : format);
    struct berth_template *template = NULL;
    berth_error err = BERTH_ERROR_INIT;
    if (text == NULL) {
        return berth_cli_failf("out of memory");
    }
    int32_t code = berth_template_parse(text, &template, &err);
    if (code == 0) {
        code = berth_template_execute(template, &source, data, &out, &err);
    }
    berth_template_free(template);
    if (code != 0) {
        return berth_cli_failf("template parsing error: %s", err.msg);
    }
    puts(out.data != NULL ? out.data : "");
    return 0;
}
