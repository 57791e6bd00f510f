/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256 through libcrypto, loaded on first use.
 */
#include "oci/digest.h"

#include <dlfcn.h>
#include <openssl/opensslv.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/string.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct berth_sha256), "berth_sha256 is too small");

#define STRING_(x) #x
#define STRING(x)  STRING_(x)
#define LIBRARY    "libcrypto.so." STRING(OPENSSL_SHLIB_VERSION)

/* The plain SHA256_* functions, not EVP: same code and speed (SHA-NI), but no provider machinery
 * (2 MB less), and a state that is plain memory. */
static struct {
    pthread_once_t once;
    int (*init)(SHA256_CTX *);
    int (*update)(SHA256_CTX *, const void *, size_t);
    int (*final)(unsigned char *, SHA256_CTX *);
    char problem[256];
} crypto = {.once = PTHREAD_ONCE_INIT};

static void load_crypto(void)
{
    void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        strncpy(crypto.problem, reason != NULL ? reason : LIBRARY, sizeof(crypto.problem) - 1);
        return;
    }
    crypto.update = (__typeof__(crypto.update))dlsym(library, "SHA256_Update");
    crypto.final = (__typeof__(crypto.final))dlsym(library, "SHA256_Final");
    crypto.init = (__typeof__(crypto.init))dlsym(library, "SHA256_Init");
    if (crypto.update == NULL || crypto.final == NULL || crypto.init == NULL) {
        crypto.init = NULL;
        strncpy(crypto.problem, LIBRARY " has no SHA256_Init", sizeof(crypto.problem) - 1);
    }
}

int32_t berth_oci_sha256_init(struct berth_sha256 *sha256, berth_error *err)
{
    pthread_once(&crypto.once, load_crypto);
    if (crypto.init == NULL) {
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0, "cannot compute sha256: %s",
                               crypto.problem);
    }
    crypto.init((SHA256_CTX *)sha256->state);
    return 0;
}

void berth_oci_sha256_update(struct berth_sha256 *sha256, const void *data, size_t length)
{
    crypto.update((SHA256_CTX *)sha256->state, data, length);
}

void berth_oci_sha256_final(struct berth_sha256 *sha256, char ret_hex[BERTH_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[SHA256_DIGEST_LENGTH];
    crypto.final(bytes, (SHA256_CTX *)sha256->state);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        ret_hex[2 * i] = digits[bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_hex[BERTH_SHA256_HEX - 1] = '\0';
}

int32_t berth_oci_sha256_of(const void *data, size_t length, char ret_hex[BERTH_SHA256_HEX],
                            berth_error *err)
{
    struct berth_sha256 sha256;
    int32_t code = berth_oci_sha256_init(&sha256, err);
    if (code == 0) {
        berth_oci_sha256_update(&sha256, data, length);
        berth_oci_sha256_final(&sha256, ret_hex);
    }
    return code;
}

bool berth_oci_hex_valid(const char *hex)
{
    return hex != NULL && strspn(hex, "0123456789abcdef") == BERTH_SHA256_HEX - 1 &&
           hex[BERTH_SHA256_HEX - 1] == '\0';
}

const char *berth_oci_digest_hex(const char *digest)
{
    static const char prefix[] = "sha256:";
    if (digest == NULL || !berth_str_starts(digest, prefix)) {
        return NULL;
    }
    const char *hex = digest + sizeof(prefix) - 1;
    return berth_oci_hex_valid(hex) ? hex : NULL;
}

int32_t berth_oci_chain_id(const char *parent, const char *diff_id, char ret_hex[BERTH_SHA256_HEX],
                           berth_error *err)
{
    const char *hex = berth_oci_digest_hex(diff_id);
    if (hex == NULL || (!berth_str_empty(parent) && !berth_oci_hex_valid(parent))) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid layer digest \"%s\"",
                               diff_id != NULL ? diff_id : "");
    }
    if (berth_str_empty(parent)) {
        memmove(ret_hex, hex, BERTH_SHA256_HEX);
        return 0;
    }
    char text[2 * (sizeof("sha256:") - 1 + BERTH_SHA256_HEX)];
    int length = snprintf(text, sizeof(text), "sha256:%s %s", parent, diff_id);
    return berth_oci_sha256_of(text, (size_t)length, ret_hex, err);
}
