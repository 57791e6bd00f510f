/* SPDX-License-Identifier: Apache-2.0
 *
 * The grammar of references (distribution's reference grammar), hand-walked.
 */
#include "oci/reference.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/string.h"
#include "oci/digest.h"

#define DEFAULT_DOMAIN  "docker.io"
#define LEGACY_DOMAIN   "index.docker.io"
#define OFFICIAL_PREFIX "library/"
#define TEXT_MAX        2048 /* no valid reference comes near */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool path_alnum(char c)
{
    return is_lower(c) || is_digit(c);
}

/* separator := one of ".", "_", "__" or any number of "-"; returns its length */
static size_t separator_length(const char *text)
{
    if (*text == '.') {
        return 1;
    }
    if (*text == '_') {
        return text[1] == '_' ? 2 : 1;
    }
    return strspn(text, "-");
}

/* path := component ["/" component]*; component := alnum [separator alnum]* */
static bool path_valid(const char *text)
{
    while (true) {
        if (!path_alnum(*text)) {
            return false;
        }
        while (path_alnum(*text)) {
            text++;
        }
        if (*text == '\0') {
            return true;
        }
        if (*text == '/') {
            text++;
            continue;
        }
        size_t length = separator_length(text);
        if (length == 0) {
            return false;
        }
        text += length;
    }
}

static bool port_valid(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* domain := (label ["." label]* | "[" IPv6 "]") [":" port]; a label neither begins nor ends with
 * "-" */
static bool domain_valid(const char *text)
{
    if (*text == '[') {
        size_t length = strspn(text + 1, "0123456789abcdefABCDEF:");
        const char *end = text + 1 + length;
        return length > 0 && *end == ']' &&
               (end[1] == '\0' || (end[1] == ':' && port_valid(end + 2)));
    }
    while (true) {
        if (!is_alnum(*text)) {
            return false;
        }
        while (is_alnum(*text) || *text == '-') {
            text++;
        }
        if (text[-1] == '-') {
            return false;
        }
        if (*text == '\0') {
            return true;
        }
        if (*text == ':') {
            return port_valid(text + 1);
        }
        if (*text++ != '.') {
            return false;
        }
    }
}

bool berth_oci_tag_valid(const char *text)
{
    if (!is_alnum(*text) && *text != '_') {
        return false;
    }
    size_t length = 0;
    while (is_alnum(text[length]) || text[length] == '_' || text[length] == '.' ||
           text[length] == '-') {
        length++;
    }
    return length <= BERTH_OCI_TAG_MAX && text[length] == '\0';
}

/* Only sha256 is supported; what looks like another algorithm gets a sentence of its own. */
static int32_t check_digest(const char *text, berth_error *err)
{
    if (berth_oci_digest_hex(text) != NULL) {
        return 0;
    }
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text || !is_alnum(*text)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid reference format");
    }
    if (!berth_str_starts(text, "sha256:")) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "unsupported digest algorithm");
    }
    size_t length = strlen(colon + 1);
    if (length < 32 || strspn(colon + 1, "0123456789abcdefABCDEF") != length) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid reference format");
    }
    return length == BERTH_SHA256_HEX - 1
               ? berth_error_set(err, BERTH_E_INVALID, 0, "invalid checksum digest format")
               : berth_error_set(err, BERTH_E_INVALID, 0, "invalid checksum digest length");
}

static bool has_upper(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text >= 'A' && *text <= 'Z') {
            return true;
        }
    }
    return false;
}

/* The part before the first "/" is a domain when it has a "." or ":", is "localhost", or has upper
 * case letters (which no path may have). */
static bool begins_with_domain(const char *text, const char *slash)
{
    size_t length = slash != NULL ? (size_t)(slash - text) : 0;
    if (length == 0 || length >= TEXT_MAX) {
        return false;
    }
    char head[TEXT_MAX];
    memcpy(head, text, length);
    head[length] = '\0';
    return strpbrk(head, ".:") != NULL || strcmp(head, "localhost") == 0 || has_upper(head);
}

static int32_t invalid_format(berth_error *err)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "invalid reference format");
}

/* Cuts "PATH[:TAG][@DIGEST]" in place. */
static int32_t split_remainder(char *text, char **ret_tag, char **ret_digest, berth_error *err)
{
    char *digest = strchr(text, '@');
    if (digest != NULL) {
        *digest++ = '\0';
    }
    char *tag = strchr(text, ':');
    if (tag != NULL) {
        *tag++ = '\0';
    }
    if (has_upper(text)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid reference format: repository name (%s) must be lowercase",
                               text);
    }
    if (!path_valid(text) || (tag != NULL && !berth_oci_tag_valid(tag))) {
        return invalid_format(err);
    }
    int32_t code = digest != NULL ? check_digest(digest, err) : 0;
    if (code == 0) {
        *ret_tag = tag;
        *ret_digest = digest;
    }
    return code;
}

static int32_t fill(struct berth_reference *ret, const char *domain, const char *path,
                    const char *tag, const char *digest, berth_error *err)
{
    bool official = strcmp(domain, DEFAULT_DOMAIN) == 0 && strchr(path, '/') == NULL;
    if (strlen(domain) + 1 + strlen(path) + (official ? sizeof(OFFICIAL_PREFIX) - 1 : 0) >
        BERTH_OCI_NAME_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid reference format: repository name must not be more than "
                               "%d characters",
                               BERTH_OCI_NAME_MAX);
    }
    struct berth_reference made = {
        .domain = strdup(domain),
        .path = berth_format("%s%s", official ? OFFICIAL_PREFIX : "", path),
        .tag = berth_strdup(tag),
        .digest = berth_strdup(digest),
    };
    if (made.domain == NULL || made.path == NULL || (tag != NULL && made.tag == NULL) ||
        (digest != NULL && made.digest == NULL)) {
        berth_oci_reference_done(&made);
        return berth_error_no_memory(err);
    }
    *ret = made;
    return 0;
}

int32_t berth_oci_reference_parse(const char *text, struct berth_reference *ret, berth_error *err)
{
    if (berth_str_empty(text)) {
        return invalid_format(err);
    }
    if (strlen(text) >= TEXT_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid reference format: repository name must not be more than "
                               "%d characters",
                               BERTH_OCI_NAME_MAX);
    }
    if (berth_oci_hex_valid(text)) {
        return berth_error_set(
            err, BERTH_E_INVALID, 0,
            "invalid repository name (%s), cannot specify 64-byte hexadecimal strings", text);
    }
    AUTO_FREE char *copy = strdup(text);
    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    const char *domain = DEFAULT_DOMAIN;
    char *remainder = copy;
    char *slash = strchr(copy, '/');
    if (begins_with_domain(copy, slash)) {
        *slash = '\0';
        domain = strcmp(copy, LEGACY_DOMAIN) == 0 ? DEFAULT_DOMAIN : copy;
        remainder = slash + 1;
    }
    char *tag = NULL, *digest = NULL;
    int32_t code = split_remainder(remainder, &tag, &digest, err);
    if (code < 0) {
        return code;
    }
    if (!domain_valid(domain)) {
        return invalid_format(err);
    }
    return fill(ret, domain, remainder, tag, digest, err);
}

void berth_oci_reference_done(struct berth_reference *reference)
{
    free(reference->domain);
    free(reference->path);
    free(reference->tag);
    free(reference->digest);
    *reference = (struct berth_reference)BERTH_REFERENCE_INIT;
}

int32_t berth_oci_reference_default_tag(struct berth_reference *reference, berth_error *err)
{
    if (reference->tag == NULL && reference->digest == NULL) {
        reference->tag = strdup("latest");
        if (reference->tag == NULL) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

char *berth_oci_reference_name(const struct berth_reference *reference)
{
    return berth_format("%s/%s", reference->domain, reference->path);
}

char *berth_oci_reference_familiar_name(const struct berth_reference *reference)
{
    if (strcmp(reference->domain, DEFAULT_DOMAIN) != 0) {
        return berth_oci_reference_name(reference);
    }
    const char *path = reference->path;
    const char *rest = path + sizeof(OFFICIAL_PREFIX) - 1;
    bool official = berth_str_starts(path, OFFICIAL_PREFIX) && strchr(rest, '/') == NULL;
    return strdup(official ? rest : path);
}

static char *with_suffixes(char *name, const struct berth_reference *reference)
{
    if (name == NULL) {
        return NULL;
    }
    char *text = berth_format("%s%s%s%s%s", name, reference->tag != NULL ? ":" : "",
                              reference->tag != NULL ? reference->tag : "",
                              reference->digest != NULL ? "@" : "",
                              reference->digest != NULL ? reference->digest : "");
    free(name);
    return text;
}

char *berth_oci_reference_text(const struct berth_reference *reference)
{
    return with_suffixes(berth_oci_reference_name(reference), reference);
}

char *berth_oci_reference_familiar(const struct berth_reference *reference)
{
    return with_suffixes(berth_oci_reference_familiar_name(reference), reference);
}

bool berth_oci_reference_matches(const struct berth_reference *reference, const char *pattern)
{
    AUTO_FREE char *whole = berth_oci_reference_familiar(reference);
    AUTO_FREE char *name = berth_oci_reference_familiar_name(reference);
    return (whole != NULL && fnmatch(pattern, whole, FNM_PATHNAME) == 0) ||
           (name != NULL && fnmatch(pattern, name, FNM_PATHNAME) == 0);
}
