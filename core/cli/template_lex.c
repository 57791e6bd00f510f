/* SPDX-License-Identifier: Apache-2.0
 *
 * The words inside {{ }} and the escapes in strings.
 */
#include "cli/template_lex.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "cli/template_internal.h"

int32_t berth_template_fail(const struct lexer *lexer, berth_error *err, const char *format, ...)
{
    char sentence[300];
    int line = 1;
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    for (const char *at = lexer->text; at < lexer->at && *at != '\0'; at++) {
        line += *at == '\n';
    }
    return berth_error_set(err, BERTH_E_INVALID, 0, "template: :%d: %s", line, sentence);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80) != 0;
}

static const char *skip_word(const char *at)
{
    while (is_word(*at)) {
        at++;
    }
    return at;
}

/* The end of a quoted string (behind its quote); NULL: there is none. */
static const char *skip_quoted(const char *at)
{
    char quote = *at++;
    while (*at != quote) {
        if (*at == '\0' || (*at == '\n' && quote != '`')) {
            return NULL;
        }
        at += *at == '\\' && quote != '`' && at[1] != '\0' ? 2 : 1;
    }
    return at + 1;
}

static int32_t take(struct lexer *lexer, enum token_kind kind, const char *end)
{
    lexer->token.kind = kind;
    lexer->token.begin = lexer->at;
    lexer->token.length = (size_t)(end - lexer->at);
    lexer->at = end;
    return 0;
}

/* True at "}}" and at " -}}". */
static bool at_end(const char *at)
{
    return strncmp(at, "}}", 2) == 0 || strncmp(at, "-}}", 3) == 0;
}

int32_t berth_template_next(struct lexer *lexer, berth_error *err)
{
    const char *start = lexer->at;
    while (isspace((unsigned char)*lexer->at)) {
        lexer->at++;
    }
    const char *at = lexer->at;
    lexer->token.glued = at == start;
    if (*at == '\0') {
        return berth_template_fail(lexer, err, "unclosed action");
    }
    if (at_end(at) && (*at == '}' || at != start)) {
        return take(lexer, TOKEN_END, at);
    }
    if (*at == '"' || *at == '`' || *at == '\'') {
        const char *end = skip_quoted(at);
        if (end == NULL) {
            return berth_template_fail(lexer, err, "unterminated %s",
                                       *at == '"'   ? "quoted string"
                                       : *at == '`' ? "raw quoted string"
                                                    : "character constant");
        }
        return take(lexer, TOKEN_STRING, end);
    }
    if (isdigit((unsigned char)*at) ||
        ((*at == '-' || *at == '+' || *at == '.') && isdigit((unsigned char)at[1]))) {
        const char *end = at + 1;
        while (is_word(*end) || *end == '.') {
            end++;
        }
        return take(lexer, TOKEN_NUMBER, end);
    }
    if (*at == '.') {
        const char *end = skip_word(at + 1);
        return take(lexer, end == at + 1 ? TOKEN_DOT : TOKEN_FIELD, end);
    }
    if (*at == '$') {
        return take(lexer, TOKEN_VARIABLE, skip_word(at + 1));
    }
    if (*at == ':' && at[1] == '=') {
        return take(lexer, TOKEN_SIGN, at + 2);
    }
    if (strchr("|(),=", *at) != NULL) {
        return take(lexer, TOKEN_SIGN, at + 1);
    }
    if (!is_word(*at)) {
        return berth_template_fail(lexer, err, "unexpected bad character U+%04X '%c' in command",
                                   (unsigned char)*at, *at);
    }
    return take(lexer, TOKEN_WORD, skip_word(at));
}

/* A code point as UTF-8. */
static void add_code_point(struct berth_buffer *out, unsigned long code)
{
    char bytes[4];
    size_t count = 1;
    if (code < 0x80) {
        bytes[0] = (char)code;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3f));
        count = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (code & 0x3f));
        count = 3;
    } else {
        bytes[0] = (char)(0xf0 | (code >> 18 & 7));
        bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (code & 0x3f));
        count = 4;
    }
    berth_buffer_append(out, bytes, count);
}

/* One escape after its backslash; returns what follows it, NULL when it is broken. */
static const char *add_escape(struct berth_buffer *out, const char *at)
{
    static const char names[] = "abfnrtv\\'\"";
    static const char values[] = "\a\b\f\n\r\t\v\\'\"";
    const char *found = *at != '\0' ? strchr(names, *at) : NULL;
    if (found != NULL) {
        berth_buffer_append(out, &values[found - names], 1);
        return at + 1;
    }
    size_t digits = *at == 'x' ? 2 : *at == 'u' ? 4 : *at == 'U' ? 8 : 0;
    char hex[9] = "";
    if (digits == 0 || strspn(at + 1, "0123456789abcdefABCDEF") < digits) {
        return NULL;
    }
    memcpy(hex, at + 1, digits);
    unsigned long code = strtoul(hex, NULL, 16);
    if (*at == 'x') {
        char byte = (char)code;
        berth_buffer_append(out, &byte, 1);
    } else {
        add_code_point(out, code);
    }
    return at + 1 + digits;
}

char *berth_template_string(const struct token *token)
{
    AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
    const char *at = token->begin + 1, *end = token->begin + token->length - 1;
    bool raw = *token->begin == '`';
    while (at < end) {
        if (*at != '\\' || raw) {
            berth_buffer_append(&out, at++, 1);
            continue;
        }
        at = add_escape(&out, at + 1);
        if (at == NULL) {
            return NULL;
        }
    }
    return berth_buffer_take(&out);
}

char *berth_template_unescape(const char *text)
{
    AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '\\' && (at[1] == 't' || at[1] == 'n')) {
            berth_buffer_add(&out, at[1] == 't' ? "\t" : "\n");
            at++;
        } else {
            berth_buffer_append(&out, at, 1);
        }
    }
    return berth_buffer_take(&out);
}
