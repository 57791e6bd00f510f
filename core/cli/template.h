/* SPDX-License-Identifier: Apache-2.0
 *
 * The template language of --format: Go's text/template as far as it makes sense on JSON
 * documents, with Docker's functions (json, join, split, lower, upper, title, pad, truncate).
 */
#ifndef BERTH_CLI_TEMPLATE_H
#define BERTH_CLI_TEMPLATE_H

#include <json-c/json_types.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

struct berth_template;

/* What the template is run on, besides the document. */
struct berth_template_source {
    /* Go's name of the row type, for error sentences; NULL: the document is an inspect answer, and
     * sentences speak of map entries. */
    const char *type;
    /* Answers {{.Name ARGUMENT}} for a member that takes an argument (argument NULL: none given);
     * the result is the caller's. False: there is no such method. May be NULL. */
    bool (*method)(struct json_object *row, const char *name, struct json_object *argument,
                   struct json_object **ret_value);
};

/* Parses a template. BERTH_E_INVALID with Go's sentence ("template: :1: unclosed action"). */
int32_t berth_template_parse(const char *text, struct berth_template **ret_template,
                             berth_error *err);
/* Runs it on a document and appends what it prints. BERTH_E_INVALID with Go's sentence. */
int32_t berth_template_execute(const struct berth_template *template,
                               const struct berth_template_source *source, struct json_object *data,
                               struct berth_buffer *out, berth_error *err);
/* NULL is fine. */
void berth_template_free(struct berth_template *template);

/* Text as a Go programmer types it: "\t" and "\n" in a --format become a tab and a line end. The
 * caller's to free. */
char *berth_template_unescape(const char *text);

/* A value as Go's %v prints it. */
void berth_template_print(struct json_object *value, struct berth_buffer *out);

#endif
