/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns, shortened texts, and the --format of lists.
 */
#ifndef BERTH_CLI_OUTPUT_H
#define BERTH_CLI_OUTPUT_H

#include <json-c/json_types.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/string.h"
#include "cli/cli.h"
#include "cli/template.h"

/* Prints lines of cells that end with tabs as columns: at least `minimum` wide, `padding` spaces
 * between. A column is as wide as its cells in neighbouring lines; text after a line's last tab is
 * not padded (the rules of Go's text/tabwriter). */
void berth_output_columns(const char *text, size_t minimum, size_t padding, FILE *out);

/* The first `length` characters (not bytes), the last of them "…" when something was cut off.
 * Appends to out. */
void berth_output_ellipsis(const char *text, size_t length, struct berth_buffer *out);
/* An ID without "sha256:" and, when trunc, its first 12 characters. Returns text. */
const char *berth_output_id(const char *id, bool trunc, char text[80]);
/* "2026-11-23 23:01:34 +0000 UTC" in local time, from seconds. Returns text. */
const char *berth_output_time(int64_t seconds, char text[64]);
/* "5 minutes ago" since a time in seconds. Returns text. */
const char *berth_output_ago(int64_t seconds, char text[64]);

/* Members of JSON objects; a missing one is "", 0, false or NULL. Names may be a path of members
 * with "/" between. All borrowed. */
struct json_object *berth_json_member(struct json_object *object, const char *path);
const char *berth_json_string(struct json_object *object, const char *path);
int64_t berth_json_int(struct json_object *object, const char *path);
double berth_json_double(struct json_object *object, const char *path);
bool berth_json_bool(struct json_object *object, const char *path);
/* Sets row[name] to a string or number. */
void berth_json_set(struct json_object *row, const char *name, const char *value);
void berth_json_set_buffer(struct json_object *row, const char *name, struct berth_buffer *value);
/* "a=b,c=d", sorted, of an object of strings. */
void berth_json_set_labels(struct json_object *row, const char *name, struct json_object *labels);

/* What --format and --quiet may ask of a list of rows. A row is an object with its members in
 * alphabetical order (that is how {{json .}} prints them). */
struct berth_listing {
    const char *format;        /* of --format; "": the table */
    const char *config_key;    /* of config.json ("psFormat"), used when format is ""; or NULL */
    const char *table;         /* template of the usual table, without the word "table" */
    const char *quiet;         /* template of --quiet; NULL: not quiet */
    const char *raw;           /* template of --format raw; NULL: none */
    const char *type;          /* Go's name of the row type, for sentences */
    const char *(*headers)[2]; /* {member, header} pairs, ended by {NULL, NULL} */
    /* {{.Label "x"}}: where a row's labels are found: json userdata of the row; false: none */
    bool labels;
};

/* Prints rows (a JSON array) as the listing says. Returns the exit code. */
int berth_listing_print(struct berth_cli *cli, const struct berth_listing *listing,
                        struct json_object *rows);
/* Whether the template that will be used names a member (".Size"). */
bool berth_listing_uses(struct berth_cli *cli, const struct berth_listing *listing,
                        const char *member);

/* Prints a document as Go does: indented by four spaces, < > & as \u003c and so on, a line end. */
void berth_output_json(struct json_object *json, FILE *out);
/* A list of documents as --format of inspect commands says: "": indented JSON; "json": one line;
 * else the template on each. Returns the exit code. */
int berth_inspect_print(const char *format, struct json_object *list);

/* Runs one template on one document and prints it with a line end; "json" prints the document.
 * Returns the exit code. */
int berth_output_template(const char *format, const char *type, struct json_object *data);

#endif
