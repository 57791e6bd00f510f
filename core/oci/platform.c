/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalising and comparing platforms.
 */
#include "oci/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/string.h"

/* Names that uname, Debian and Go use for the same thing. */
static const struct {
    const char *name, *architecture, *variant;
} aliases[] = {
    {"x86_64", "amd64", ""},    {"x86-64", "amd64", ""},
    {"i386", "386", ""},        {"i486", "386", ""},
    {"i586", "386", ""},        {"i686", "386", ""},
    {"aarch64", "arm64", ""},   {"armhf", "arm", "v7"},
    {"armel", "arm", "v6"},     {"armv7l", "arm", "v7"},
    {"armv6l", "arm", "v6"},    {"armv5l", "arm", "v5"},
    {"ppc64el", "ppc64le", ""}, {"loongarch64", "loong64", ""},
};

static void copy_lower(char *to, size_t size, const char *from)
{
    size_t length = 0;
    for (; from != NULL && from[length] != '\0' && length < size - 1; length++) {
        to[length] = (char)tolower((unsigned char)from[length]);
    }
    to[length] = '\0';
}

void berth_oci_platform_make(const char *os, const char *architecture, const char *variant,
                             struct berth_platform *ret)
{
    copy_lower(ret->os, sizeof(ret->os), os);
    copy_lower(ret->architecture, sizeof(ret->architecture), architecture);
    copy_lower(ret->variant, sizeof(ret->variant), variant);
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (strcmp(ret->architecture, aliases[i].name) == 0) {
            copy_lower(ret->architecture, sizeof(ret->architecture), aliases[i].architecture);
            if (ret->variant[0] == '\0') {
                copy_lower(ret->variant, sizeof(ret->variant), aliases[i].variant);
            }
            break;
        }
    }
    if (strcmp(ret->architecture, "arm64") == 0 &&
        (strcmp(ret->variant, "v8") == 0 || strcmp(ret->variant, "8") == 0)) {
        ret->variant[0] = '\0';
    }
    if (strcmp(ret->architecture, "amd64") == 0 && strcmp(ret->variant, "v1") == 0) {
        ret->variant[0] = '\0';
    }
    if (strcmp(ret->architecture, "arm") == 0 && isdigit((unsigned char)ret->variant[0])) {
        ret->variant[2] = '\0';
        ret->variant[1] = ret->variant[0];
        ret->variant[0] = 'v';
    }
    if (strcmp(ret->architecture, "arm") == 0 && ret->variant[0] == '\0') {
        copy_lower(ret->variant, sizeof(ret->variant), "v7");
    }
}

void berth_oci_platform_host(struct berth_platform *ret)
{
    struct utsname name;
    const char *machine = uname(&name) == 0 ? name.machine : "amd64";
    berth_oci_platform_make("linux", machine, "", ret);
}

static bool is_architecture(const char *text)
{
    static const char *const known[] = {"amd64",  "386",      "arm",     "arm64",
                                        "ppc64",  "ppc64le",  "s390x",   "riscv64",
                                        "mips64", "mips64le", "loong64", "wasm"};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (strcmp(text, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool part_valid(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length < sizeof(((struct berth_platform *)NULL)->variant) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
               length;
}

int32_t berth_oci_platform_parse(const char *text, struct berth_platform *ret, berth_error *err)
{
    AUTO_STRV struct berth_strv parts = {NULL, 0};
    if (!berth_strv_split(&parts, text, '/')) {
        return berth_error_no_memory(err);
    }
    bool valid = parts.count >= 1 && parts.count <= 3;
    for (size_t i = 0; valid && i < parts.count; i++) {
        valid = part_valid(parts.items[i]);
    }
    if (!valid) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "\"%s\": invalid platform, wanted os[/arch[/variant]]", text);
    }
    struct berth_platform host;
    berth_oci_platform_host(&host);
    if (parts.count > 1) {
        berth_oci_platform_make(parts.items[0], parts.items[1],
                                parts.count > 2 ? parts.items[2] : "", ret);
        return 0;
    }
    struct berth_platform alone;
    berth_oci_platform_make("linux", parts.items[0], "", &alone);
    if (is_architecture(alone.architecture)) {
        *ret = alone;
    } else {
        berth_oci_platform_make(parts.items[0], host.architecture, host.variant, ret);
    }
    return 0;
}

void berth_oci_platform_text(const struct berth_platform *platform, char ret_text[84])
{
    snprintf(ret_text, 84, "%s/%s%s%s", platform->os, platform->architecture,
             platform->variant[0] != '\0' ? "/" : "", platform->variant);
}

static int variant_number(const char *variant)
{
    int64_t number = 0;
    return variant[0] == 'v' && berth_str_to_int64(variant + 1, &number) && number < 80
               ? (int)number
               : 0;
}

int berth_oci_platform_score(const struct berth_platform *wanted,
                             const struct berth_platform *offered)
{
    if (strcmp(wanted->os, offered->os) != 0) {
        return 0;
    }
    if (strcmp(wanted->architecture, offered->architecture) != 0) {
        /* a 64-bit x86 runs 32-bit images, at the last choice */
        return strcmp(wanted->architecture, "amd64") == 0 &&
                       strcmp(offered->architecture, "386") == 0
                   ? 1
                   : 0;
    }
    if (strcmp(wanted->variant, offered->variant) == 0) {
        return 100;
    }
    /* later variants run what earlier ones do: the nearest below is best */
    int have = variant_number(wanted->variant), need = variant_number(offered->variant);
    if (need == 0) {
        return 10;
    }
    return need < have ? 90 - (have - need) : 0;
}
