/* SPDX-License-Identifier: Apache-2.0
 *
 * The parsed form of a template, and what parser, executor and functions share.
 */
#ifndef BERTH_CLI_TEMPLATE_INTERNAL_H
#define BERTH_CLI_TEMPLATE_INTERNAL_H

#include "base/string.h"
#include "cli/template.h"

#define TEMPLATE_DEPTH_MAX 100 /* nesting of blocks and of parentheses */

enum operand_kind {
    OPERAND_DOT,      /* . or .A.B */
    OPERAND_VARIABLE, /* $x or $x.A.B */
    OPERAND_CONSTANT, /* "text", 1, true, nil */
    OPERAND_FUNCTION, /* an identifier */
    OPERAND_PIPELINE  /* ( ... ) or ( ... ).A.B */
};

struct pipeline;

struct operand {
    enum operand_kind kind;
    char *name;                   /* of a variable or function */
    struct berth_strv fields;     /* .A.B after it */
    struct json_object *constant; /* NULL: nil */
    struct pipeline *pipeline;
    size_t begin, length; /* where it stands in the text, for sentences */
};

struct command {
    struct operand *operands;
    size_t count;
};

struct pipeline {
    struct command *commands;
    size_t count;
    char *variables[2]; /* $v := or $k, $v := */
    int variable_count;
    bool assign; /* "=" instead of ":=" */
};

enum node_kind {
    NODE_TEXT,
    NODE_ACTION,
    NODE_IF,
    NODE_RANGE,
    NODE_WITH,
    NODE_BREAK,
    NODE_CONTINUE
};

struct node_list {
    struct node *items;
    size_t count;
};

struct node {
    enum node_kind kind;
    char *text;
    struct pipeline *pipeline;
    struct node_list body, otherwise;
};

struct berth_template {
    char *text;
    struct node_list nodes;
};

/* A value while executing: nil_text is what prints when value is NULL. */
struct value {
    struct json_object *json; /* owned by whoever holds the value */
    const char *nil_text;
};

typedef int32_t (*template_function)(const struct value *args, size_t count, struct value *ret,
                                     berth_error *err);

/* NULL: no such function. "and" and "or" are the executor's, since they don't evaluate all their
 * arguments, but are found here too. */
template_function berth_template_function(const char *name);
/* Go's truth of a value. */
bool berth_template_truth(struct json_object *value);
/* What prints for a member that is null or absent: "[]", "map[]", "<nil>" ... NULL: not a member
 * that is known to be left out. */
const char *berth_template_absent(const char *member);
/* True for members that are maps in Go (a missing key is no error, they print as map[...]). */
bool berth_template_is_map(const char *member);
/* A value or its nil text. */
void berth_template_print_value(const struct value *value, struct berth_buffer *out);
/* printf of Go on values. */
int32_t berth_template_printf(const struct value *args, size_t count, struct berth_buffer *out,
                              berth_error *err);

#endif
