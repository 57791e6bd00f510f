/* SPDX-License-Identifier: Apache-2.0
 *
 * See seccomp_filter.h.
 */
#include "linux/seccomp_filter.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "base/string.h"
#include "linux/seccomp_internal.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/evp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

enum { ARCHES_MAX = 8, NAME_SIZE = 64, INSTRUCTIONS_MAX = 4096 };

/* Our own version of the result: changes when the compiler or the default list does. */
static const char key_version[] = "berth-seccomp-1";

/* Docker's architecture names, and what it filters beside the native one. */
static const struct {
    uint32_t arch;
    const char *docker;
    uint32_t compatible[2];
} machines[] = {
    {SCMP_ARCH_X86_64, "amd64", {SCMP_ARCH_X86, SCMP_ARCH_X32}},
    {SCMP_ARCH_AARCH64, "arm64", {SCMP_ARCH_ARM, 0}},
    {SCMP_ARCH_X86, "x86", {0, 0}},
    {SCMP_ARCH_ARM, "arm", {0, 0}},
    {SCMP_ARCH_PPC64LE, "ppc64le", {0, 0}},
    {SCMP_ARCH_S390X, "s390x", {SCMP_ARCH_S390, 0}},
    {SCMP_ARCH_RISCV64, "riscv64", {0, 0}},
};

struct compiler {
    scmp_filter_ctx context;
    uint32_t default_action;
    uint64_t capabilities;
    const char *docker_arch;
    uint32_t arches[ARCHES_MAX];
    int newest[ARCHES_MAX]; /* highest system call number that the profile names */
    size_t arch_count;
};

static void compiler_done(struct compiler *c)
{
    if (c->context != NULL) {
        seccomp_release(c->context);
    }
}

static int fail(berth_error *err, int number, const char *what)
{
    return berth_error_errno(err, -number, "compiling the seccomp profile: %s", what);
}

/* ---- architectures -------------------------------------------------------------------------- */

static int add_arch(struct compiler *c, uint32_t arch, berth_error *err)
{
    for (size_t i = 0; i < c->arch_count; i++) {
        if (c->arches[i] == arch) {
            return 0;
        }
    }
    int result = c->arch_count == ARCHES_MAX ? -E2BIG : seccomp_arch_add(c->context, arch);
    if (result < 0 && result != -EEXIST) {
        return fail(err, result, "adding an architecture");
    }
    c->newest[c->arch_count] = -1;
    c->arches[c->arch_count++] = arch;
    return 0;
}

/* "SCMP_ARCH_X86_64" to libseccomp's "x86_64". */
static int add_named_arch(struct compiler *c, const char *name, berth_error *err)
{
    char lower[NAME_SIZE];
    const char *from = strncmp(name, "SCMP_ARCH_", 10) == 0 ? name + 10 : name;
    size_t n = strlen(from);

    if (n >= sizeof(lower)) {
        n = sizeof(lower) - 1;
    }
    for (size_t i = 0; i < n; i++) {
        lower[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] - 'A' + 'a') : from[i];
    }
    lower[n] = 0;
    uint32_t arch = seccomp_arch_resolve_name(lower);
    if (arch == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "decoding seccomp profile failed: unknown architecture \"%s\"",
                               name);
    }
    return add_arch(c, arch, err);
}

static int add_arches(struct compiler *c, const char *list, berth_error *err)
{
    uint32_t native = seccomp_arch_native();
    int result = add_arch(c, native, err);

    c->docker_arch = "";
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        if (machines[i].arch != native) {
            continue;
        }
        c->docker_arch = machines[i].docker;
        for (size_t k = 0; result == 0 && list == NULL && k < 2; k++) {
            if (machines[i].compatible[k] != 0) {
                result = add_arch(c, machines[i].compatible[k], err);
            }
        }
    }
    if (result == 0 && list != NULL) {
        AUTO_STRV struct berth_strv names = {0};
        if (!berth_strv_split(&names, list, ' ')) {
            return berth_error_no_memory(err);
        }
        for (size_t i = 0; result == 0 && i < names.count; i++) {
            result = add_named_arch(c, names.items[i], err);
        }
    }
    return result;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static int has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = list; *at != 0;) {
        size_t length = strcspn(at, " ");
        if (length == n && memcmp(at, word, n) == 0) {
            return 1;
        }
        at += length + (at[length] != 0);
    }
    return 0;
}

/* "6.1.0-13" or "4.8" to 6001 or 4008; 0 when it is no version. */
static unsigned long version_number(const char *text)
{
    char *end;
    unsigned long major = strtoul(text, &end, 10);

    if (end == text || *end != '.') {
        return 0;
    }
    return major * 1000 + strtoul(end + 1, NULL, 10);
}

static int kernel_at_least(const char *version)
{
    struct utsname name;
    unsigned long wanted = version_number(version);

    return uname(&name) == 0 && wanted != 0 && version_number(name.release) >= wanted;
}

static int applies(const struct compiler *c, const struct seccomp_rule *r)
{
    return r->names != NULL && (r->caps & ~c->capabilities) == 0 &&
           (r->not_caps & c->capabilities) == 0 &&
           (r->arches == NULL || has_word(r->arches, c->docker_arch)) &&
           (r->not_arches == NULL || !has_word(r->not_arches, c->docker_arch)) &&
           (berth_str_empty(r->min_kernel) || kernel_at_least(r->min_kernel)) &&
           (berth_str_empty(r->below_kernel) || !kernel_at_least(r->below_kernel));
}

static struct scmp_arg_cmp comparison(const struct seccomp_argument *a)
{
    struct scmp_arg_cmp result = {.arg = a->index, .op = (enum scmp_compare)a->operation};

    /* MASKED_EQ: value is the mask, value_two what must be left. */
    result.datum_a = a->value;
    result.datum_b = a->value_two;
    return result;
}

/* libseccomp takes one comparison for an argument in a rule; more of them mean "or", as in the OCI
 * runtimes. */
static int repeats_argument(const struct seccomp_rule *r)
{
    uint32_t seen = 0;

    for (size_t i = 0; i < r->argument_count; i++) {
        if ((seen >> r->arguments[i].index & 1) != 0) {
            return 1;
        }
        seen |= 1u << r->arguments[i].index;
    }
    return 0;
}

static int add_call(struct compiler *c, const struct seccomp_rule *r, int number)
{
    struct scmp_arg_cmp all[6];
    int result = 0;

    if (r->argument_count == 0 || !repeats_argument(r)) {
        for (size_t i = 0; i < r->argument_count; i++) {
            all[i] = comparison(&r->arguments[i]);
        }
        return seccomp_rule_add_array(c->context, r->action, number,
                                      (unsigned int)r->argument_count, all);
    }
    for (size_t i = 0; result == 0 && i < r->argument_count; i++) {
        all[0] = comparison(&r->arguments[i]);
        result = seccomp_rule_add_array(c->context, r->action, number, 1, all);
    }
    return result;
}

static void note_newest(struct compiler *c, const char *name)
{
    for (size_t i = 0; i < c->arch_count; i++) {
        int number = seccomp_syscall_resolve_name_arch(c->arches[i], name);
        if (number > c->newest[i]) {
            c->newest[i] = number;
        }
    }
}

static int add_rule(struct compiler *c, const struct seccomp_rule *r, berth_error *err)
{
    char name[NAME_SIZE];

    for (const char *at = r->names; *at != 0;) {
        size_t n = strcspn(at, " ");
        if (n > 0 && n < sizeof(name)) {
            memcpy(name, at, n);
            name[n] = 0;
            int number = seccomp_syscall_resolve_name(name);
            note_newest(c, name);
            /* A name that this library does not know cannot be filtered; Docker skips it too. */
            int result = number == __NR_SCMP_ERROR || r->action == c->default_action
                             ? 0
                             : add_call(c, r, number);
            if (result < 0 && result != -EEXIST) {
                return berth_error_errno(
                    err, -result, "compiling the seccomp profile: the rule for \"%s\"", name);
            }
        }
        at += n + (at[n] != 0);
    }
    return 0;
}

/* ---- the program ---------------------------------------------------------------------------- */

static int export(struct compiler *c, void **ret_program, size_t *ret_length, berth_error *err)
{
    AUTO_CLOSE int fd = memfd_create("berth-seccomp", MFD_CLOEXEC);
    int result = fd < 0 ? -errno : seccomp_export_bpf(c->context, fd);
    off_t size = result < 0 ? 0 : lseek(fd, 0, SEEK_END);

    if (result < 0 || size <= 0) {
        return fail(err, result < 0 ? result : -EIO, "writing the program");
    }
    AUTO_FREE void *program = malloc((size_t)size);
    if (program == NULL) {
        return berth_error_no_memory(err);
    }
    if (pread(fd, program, (size_t)size, 0) != size) {
        return fail(err, -EIO, "reading the program back");
    }
    *ret_program = TAKE_PTR(program);
    *ret_length = (size_t)size;
    return 0;
}

/* System calls newer than any that the profile names get ENOSYS, not the default action: a C
 * library that tries a new one first must fall back, which EPERM forbids. In front of the program:
 *   load arch; if arch == A: load nr; if nr > newest(A): return ENOSYS
 * An x32 call has bit 30 set and is left to the program. */
static size_t emit_newer(struct sock_filter *at, const struct compiler *c)
{
    size_t n = 0;

    at[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    for (size_t i = 0; i < c->arch_count; i++) {
        if (c->newest[i] < 0 || c->arches[i] == SCMP_ARCH_X32) {
            continue;
        }
        at[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->arches[i], 0, 5);
        at[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                               offsetof(struct seccomp_data, nr));
        at[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 2, 0);
        at[n++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)c->newest[i], 0, 1);
        at[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
        at[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                               offsetof(struct seccomp_data, arch));
    }
    return n;
}

static int prepend_newer(const struct compiler *c, void **program, size_t *length, berth_error *err)
{
    struct sock_filter head[1 + ARCHES_MAX * 6];

    if (c->default_action == SCMP_ACT_ALLOW || c->default_action == SCMP_ACT_LOG) {
        return 0;
    }
    size_t extra = emit_newer(head, c) * sizeof(head[0]);
    char *whole = malloc(extra + *length);
    if (whole == NULL) {
        return berth_error_no_memory(err);
    }
    memcpy(whole, head, extra);
    memcpy(whole + extra, *program, *length);
    free(*program);
    *program = whole;
    *length += extra;
    return 0;
}

static int compile(struct compiler *c, const struct seccomp_profile *profile, void **ret_program,
                   size_t *ret_length, berth_error *err)
{
    c->context = seccomp_init(profile->default_action);
    if (c->context == NULL) {
        return berth_error_no_memory(err);
    }
    c->default_action = profile->default_action;
    /* A binary tree instead of one comparison after the other. */
    seccomp_attr_set(c->context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int result = add_arches(c, profile->architectures, err);
    for (size_t i = 0; result == 0 && i < profile->rule_count; i++) {
        if (applies(c, &profile->rules[i])) {
            result = add_rule(c, &profile->rules[i], err);
        }
    }
    if (result == 0) {
        result = export(c, ret_program, ret_length, err);
    }
    if (result == 0) {
        result = prepend_newer(c, ret_program, ret_length, err);
        if (result == 0 && *ret_length / sizeof(struct sock_filter) > INSTRUCTIONS_MAX) {
            result = berth_error_set(err, BERTH_E_INVALID, 0,
                                     "the seccomp profile needs %zu instructions; the kernel takes "
                                     "%d",
                                     *ret_length / sizeof(struct sock_filter), INSTRUCTIONS_MAX);
        }
        if (result != 0) {
            free(*ret_program);
        }
    }
    return result;
}

int berth_linux_seccomp_compile(const char *profile, uint64_t capabilities, void **ret_program,
                                size_t *ret_length, berth_error *err)
{
    AUTO(compiler_done) struct compiler c = {.capabilities = capabilities};
    struct seccomp_profile parsed = {
        .default_action = SCMP_ACT_ERRNO(EPERM),
        .rules = (struct seccomp_rule *)(uintptr_t)seccomp_default_rules,
        .rule_count = seccomp_default_rule_count,
    };
    void *program = NULL;
    size_t length = 0;

    int result = profile == NULL ? 0 : seccomp_profile_parse(profile, &parsed, err);
    if (result != 0) {
        return result;
    }
    result = compile(&c, &parsed, &program, &length, err);
    seccomp_profile_done(&parsed);
    if (result == 0) {
        *ret_program = program;
        *ret_length = length;
    }
    return result;
}

void berth_linux_seccomp_key(const char *profile, uint64_t capabilities, char ret_key[65])
{
    const struct scmp_version *library = seccomp_version();
    struct utsname name = {0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    char head[256];

    uname(&name);
    snprintf(head, sizeof(head), "%s\n%u.%u.%u\n%.64s\n%016llx\n%zu\n", key_version, library->major,
             library->minor, library->micro, name.release, (unsigned long long)capabilities,
             profile == NULL ? 0 : strlen(profile));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    memset(digest, 0, sizeof(digest));
    if (context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1) {
        EVP_DigestUpdate(context, head, strlen(head));
        EVP_DigestUpdate(context, profile == NULL ? "" : profile,
                         profile == NULL ? 0 : strlen(profile));
        EVP_DigestFinal_ex(context, digest, &size);
    }
    EVP_MD_CTX_free(context);
    berth_hex(digest, 32, ret_key);
}

int berth_linux_seccomp_supported(void)
{
    uint32_t action = SECCOMP_RET_ALLOW;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}
