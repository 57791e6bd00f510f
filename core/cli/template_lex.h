/* SPDX-License-Identifier: Apache-2.0
 *
 * The words inside {{ }}.
 */
#ifndef BERTH_CLI_TEMPLATE_LEX_H
#define BERTH_CLI_TEMPLATE_LEX_H

#include <stddef.h>

#include "base/error.h"

enum token_kind {
    TOKEN_END,      /* }} */
    TOKEN_DOT,      /* . */
    TOKEN_FIELD,    /* .Name, one at a time */
    TOKEN_VARIABLE, /* $name */
    TOKEN_STRING,   /* "..." or `...` or 'c' */
    TOKEN_NUMBER,
    TOKEN_WORD,
    TOKEN_SIGN /* one of | ( ) , = or ":=" */
};

struct token {
    enum token_kind kind;
    const char *begin;
    size_t length;
    _Bool glued; /* no space before it */
};

struct lexer {
    const char *text; /* the whole template */
    const char *at;
    struct token token; /* the current one */
};

/* Reads the next token into lexer->token. */
int32_t berth_template_next(struct lexer *lexer, berth_error *err);
/* The value of a TOKEN_STRING, the caller's to free; NULL: a broken escape or out of memory. */
char *berth_template_string(const struct token *token);
/* "template: :LINE: sentence", for the place where the lexer is. */
int32_t berth_template_fail(const struct lexer *lexer, berth_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
