/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup v2 has no device files: the rules become a BPF_PROG_TYPE_CGROUP_DEVICE program. Context:
 * struct bpf_cgroup_dev_ctx {u32 access_type: access << 16 | type; u32 major; u32 minor}.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <string.h>

enum {
    PROG_TYPE_CGROUP_DEVICE = 15,
    ATTACH_CGROUP_DEVICE = 6,
    COMMAND_PROG_LOAD = 5,
    COMMAND_PROG_ATTACH = 8,
    ATTACH_ALLOW_MULTI = 2,
    DEVICE_BLOCK = 1,
    DEVICE_CHAR = 2,
    RULE_INSTRUCTIONS = 8,
    RULES_MAX = 256,
};

/* Opcodes, Documentation/bpf/standardization/instruction-set.rst. */
enum {
    LOAD_WORD = 0x61, /* dst = *(u32 *)(src + offset) */
    MOVE = 0xb7,      /* dst = immediate */
    MOVE_REGISTER = 0xbf,
    AND = 0x57,
    SHIFT_RIGHT = 0x77,
    JUMP_NOT_EQUAL = 0x55,
    EXIT = 0x95,
};

/* Registers: 2 type, 3 access, 4 major, 5 minor, 1 scratch (the context at the start). */
static unsigned int emit(struct k_bpf_insn *at, uint8_t code, int dst, int src, int immediate)
{
    at->code = code;
    at->registers = (uint8_t)(dst | src << 4);
    at->offset = 0;
    at->immediate = immediate;
    return 1;
}

static unsigned int emit_rule(struct k_bpf_insn *at, const struct berth_shim_device_rule *rule)
{
    unsigned int n = 0;

    if (rule->type == 'b' || rule->type == 'c') {
        n += emit(at + n, JUMP_NOT_EQUAL, 2, 0, rule->type == 'b' ? DEVICE_BLOCK : DEVICE_CHAR);
    }
    if (rule->access != 0 && rule->access != 7) {
        /* An allow rule must grant all that is asked; a deny rule that takes any of it denies. */
        n += emit(at + n, MOVE_REGISTER, 1, 3, 0);
        n += emit(at + n, AND, 1, 0, (int)(rule->allow ? ~rule->access & 7u : rule->access));
        if (rule->allow) {
            n += emit(at + n, JUMP_NOT_EQUAL, 1, 0, 0);
        } else {
            n += emit(at + n, 0x15 /* jump if equal */, 1, 0, 0);
        }
    }
    if (rule->major >= 0) {
        n += emit(at + n, JUMP_NOT_EQUAL, 4, 0, (int)rule->major);
    }
    if (rule->minor >= 0) {
        n += emit(at + n, JUMP_NOT_EQUAL, 5, 0, (int)rule->minor);
    }
    unsigned int end = n + 2;
    for (unsigned int i = 0; i < n; i++) {
        if (at[i].code == JUMP_NOT_EQUAL || at[i].code == 0x15) {
            at[i].offset = (int16_t)(end - i - 1);
        }
    }
    n += emit(at + n, MOVE, 0, 0, rule->allow ? 1 : 0);
    n += emit(at + n, EXIT, 0, 0, 0);
    return n;
}

static unsigned int build(struct k_bpf_insn *program, const struct berth_shim_device_rule *rules,
                          uint32_t count)
{
    unsigned int n = 0;

    n += emit(program + n, LOAD_WORD, 2, 1, 0);
    n += emit(program + n, MOVE_REGISTER, 3, 2, 0);
    n += emit(program + n, AND, 2, 0, 0xffff);
    n += emit(program + n, SHIFT_RIGHT, 3, 0, 16);
    n += emit(program + n, LOAD_WORD, 4, 1, 0);
    program[n - 1].offset = 4;
    n += emit(program + n, LOAD_WORD, 5, 1, 0);
    program[n - 1].offset = 8;
    for (uint32_t i = count; i > 0; i--) {
        unsigned int length = emit_rule(program + n, &rules[i - 1]);
        n += length;
        if (length == 2) {
            return n; /* it decides everything; the verifier refuses what cannot be reached */
        }
    }
    n += emit(program + n, MOVE, 0, 0, 0);
    n += emit(program + n, EXIT, 0, 0, 0);
    return n;
}

int device_program_attach(int cgroup, const struct berth_shim_device_rule *rules, uint32_t count)
{
    static struct k_bpf_insn program[RULES_MAX * RULE_INSTRUCTIONS + 16];
    static const char license[] = "Apache-2.0";
    struct {
        uint32_t type, length;
        uint64_t instructions, license;
        uint32_t log_level, log_size;
        uint64_t log;
        uint32_t kernel_version, flags;
    } load = {.type = PROG_TYPE_CGROUP_DEVICE};
    struct {
        uint32_t target, program, type, flags;
    } attach = {
        .target = (uint32_t)cgroup, .type = ATTACH_CGROUP_DEVICE, .flags = ATTACH_ALLOW_MULTI};

    if (count > RULES_MAX) {
        errno = E2BIG;
        return -1;
    }
    load.length = build(program, rules, count);
    load.instructions = (uintptr_t)program;
    load.license = (uintptr_t)license;
    int fd = (int)syscall(SYS_bpf, COMMAND_PROG_LOAD, &load, sizeof(load));
    if (fd < 0) {
        return -1;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    attach.program = (uint32_t)fd;
    int result = (int)syscall(SYS_bpf, COMMAND_PROG_ATTACH, &attach, sizeof(attach));
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}
