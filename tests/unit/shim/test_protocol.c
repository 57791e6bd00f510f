/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract itself: round trips, truncation at every byte, and ends of different versions.
 */
#include "shim/protocol.h"
#include "shim/wire.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

struct sample {
    struct berth_shim_spec spec;
    char *argv[2], *env[1], *options[2], *masked[1];
    uint32_t groups[2];
    struct berth_shim_rlimit rlimits[1];
    struct berth_shim_namespace namespaces[2];
    struct berth_shim_mount mounts[2];
    struct berth_shim_device devices[1];
    struct berth_shim_pair sysctls[1];
    struct berth_shim_cgroup_dir dirs[1];
    struct berth_shim_cgroup_write writes[1];
    struct berth_shim_device_rule rules[1];
    struct berth_shim_client clients[1];
};

static void sample_lists(struct sample *s)
{
    s->rlimits[0] = (struct berth_shim_rlimit){7, 1024, 4096};
    s->namespaces[0] = (struct berth_shim_namespace){CLONE_NEWNS, BERTH_SHIM_NS_NEW, -1};
    s->namespaces[1] = (struct berth_shim_namespace){CLONE_NEWNET, BERTH_SHIM_NS_JOIN, 40};
    s->options[0] = text("size=1m");
    s->options[1] = text("ro");
    s->mounts[0] = (struct berth_shim_mount){.kind = BERTH_SHIM_MOUNT_NEW,
                                             .type = text("tmpfs"),
                                             .target = text("/tmp"),
                                             .fd = -1,
                                             .attributes = 0xfull << 40,
                                             .options = {s->options, 2}};
    s->mounts[1] = (struct berth_shim_mount){.kind = BERTH_SHIM_MOUNT_BIND,
                                             .target = text("/etc/hosts"),
                                             .fd = 41,
                                             .propagation = MS_SLAVE,
                                             .propagation_recursive = 1};
    s->devices[0] = (struct berth_shim_device){
        .path = text("/dev/null"), .mode = S_IFCHR | 0666, .major = 1, .minor = 3};
    s->sysctls[0] = (struct berth_shim_pair){text("kernel.msgmax"), text("1")};
    s->dirs[0] = (struct berth_shim_cgroup_dir){text("/sys/fs/cgroup/x"), text("pids"), 1};
    s->writes[0] = (struct berth_shim_cgroup_write){0, 1, text("pids.max"), text("5")};
    s->rules[0] = (struct berth_shim_device_rule){1, 'c', -1, 3, 7};
    s->clients[0] = (struct berth_shim_client){
        .id = 9, .flags = 7, .fd = 42, .detach_keys = {"\1\2", 2}, .early = {"abc", 3}};
}

static void sample_init(struct sample *s)
{
    struct berth_shim_spec *spec = &s->spec;

    memset(s, 0, sizeof(*s));
    berth_shim_spec_init(spec);
    sample_lists(s);
    spec->id = text("cafe");
    spec->state_dir = text("/run/x");
    spec->hostname = text("");
    s->argv[0] = text("sh");
    s->argv[1] = text("");
    spec->argv = (struct berth_shim_strings){s->argv, 2};
    s->env[0] = text("A=b");
    spec->env = (struct berth_shim_strings){s->env, 1};
    s->groups[0] = 10;
    s->groups[1] = 20;
    spec->groups = s->groups;
    spec->group_count = 2;
    spec->uid = 1000;
    spec->oom_score_adj = -5;
    spec->cap_bounding = 0x8000000000000001ull;
    spec->rlimits = s->rlimits;
    spec->rlimit_count = 1;
    spec->namespaces = s->namespaces;
    spec->namespace_count = 2;
    spec->root_fd = 43;
    spec->mounts = s->mounts;
    spec->mount_count = 2;
    spec->devices = s->devices;
    spec->device_count = 1;
    s->masked[0] = text("/proc/kcore");
    spec->masked = (struct berth_shim_strings){s->masked, 1};
    spec->sysctls = s->sysctls;
    spec->sysctl_count = 1;
    spec->cgroup_version = BERTH_SHIM_CGROUP_V1;
    spec->cgroup_dirs = s->dirs;
    spec->cgroup_dir_count = 1;
    spec->cgroup_writes = s->writes;
    spec->cgroup_write_count = 1;
    spec->device_rules = s->rules;
    spec->device_rule_count = 1;
    spec->seccomp = (struct berth_shim_blob){"12345678", 8};
    spec->log_max_size = 1ull << 33;
    spec->clients = s->clients;
    spec->client_count = 1;
    spec->boot_id = text("boot");
}

struct wire {
    void *data;
    size_t length;
    int fds[BERTH_SHIM_FDS_MAX];
    uint32_t fd_count;
    struct berth_shim_arena arena;
};

static void wire_init(struct wire *w, const struct berth_shim_spec *spec)
{
    assert_int_equal(berth_shim_spec_encode(spec, &w->data, &w->length, w->fds, &w->fd_count, NULL),
                     0);
    w->arena.size = berth_shim_arena_size(w->length + 256);
    w->arena.base = malloc(w->arena.size);
    w->arena.used = 0;
}

static void wire_done(struct wire *w)
{
    free(w->data);
    free(w->arena.base);
}

static int decode(struct wire *w, struct berth_shim_spec *spec, berth_error *err)
{
    struct berth_shim_fds fds = {w->fds, w->fd_count};
    w->arena.used = 0;
    return berth_shim_spec_decode(w->data, w->length, fds, &w->arena, spec, err);
}

static void everything_comes_back(void **state)
{
    struct sample s;
    struct wire w;
    struct berth_shim_spec out;

    sample_init(&s);
    wire_init(&w, &s.spec);
    assert_int_equal(w.fd_count, 4);
    assert_int_equal(decode(&w, &out, NULL), 0);
    assert_string_equal(out.id, "cafe");
    assert_string_equal(out.hostname, "");
    assert_null(out.domainname);
    assert_int_equal(out.argv.count, 2);
    assert_string_equal(out.argv.items[1], "");
    assert_null(out.argv.items[2]);
    assert_string_equal(out.env.items[0], "A=b");
    assert_null(out.env.items[1]);
    assert_int_equal(out.groups[1], 20);
    assert_int_equal(out.oom_score_adj, -5);
    assert_true(out.cap_bounding == 0x8000000000000001ull);
    assert_int_equal(out.rlimits[0].hard, 4096);
    assert_int_equal(out.namespaces[0].fd, -1);
    assert_int_equal(out.namespaces[1].fd, 40);
    assert_int_equal(out.root_fd, 43);
    assert_string_equal(out.mounts[0].options.items[1], "ro");
    assert_true(out.mounts[0].attributes == 0xfull << 40);
    assert_int_equal(out.mounts[1].fd, 41);
    assert_int_equal(out.mounts[1].propagation_recursive, 1);
    assert_int_equal(out.devices[0].minor, 3);
    assert_string_equal(out.masked.items[0], "/proc/kcore");
    assert_string_equal(out.sysctls[0].value, "1");
    assert_string_equal(out.cgroup_writes[0].file, "pids.max");
    assert_true(out.device_rules[0].major == -1);
    assert_memory_equal(out.seccomp.data, "12345678", 8);
    assert_true(out.log_max_size == 1ull << 33);
    assert_int_equal(out.clients[0].fd, 42);
    assert_memory_equal(out.clients[0].early.data, "abc", 3);
    assert_string_equal(out.boot_id, "boot");
    wire_done(&w);
}

static void every_truncation_is_refused(void **state)
{
    struct sample s;
    struct wire w;
    struct berth_shim_spec out;
    struct berth_shim_wire_header *header;
    berth_error err;

    sample_init(&s);
    wire_init(&w, &s.spec);
    size_t whole = w.length;
    for (size_t length = 0; length < whole; length++) {
        /* A copy of just that size, so that a sanitizer sees a read beyond it. */
        struct wire cut = w;
        cut.data = malloc(length + 1);
        memcpy(cut.data, w.data, length);
        cut.length = length;
        if (length >= sizeof(*header)) {
            header = cut.data;
            header->total_length = (uint32_t)length;
        }
        memset(&err, 0, sizeof(err));
        assert_int_equal(decode(&cut, &out, &err), BERTH_E_DATA);
        assert_int_not_equal(err.msg[0], 0);
        free(cut.data);
    }
    wire_done(&w);
}

static void every_flipped_byte_is_survived(void **state)
{
    struct sample s;
    struct wire w;
    struct berth_shim_spec out;

    sample_init(&s);
    wire_init(&w, &s.spec);
    unsigned char *bytes = w.data;
    for (size_t i = 0; i < w.length; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (unsigned char)(1 << bit);
            decode(&w, &out, NULL);
            bytes[i] ^= (unsigned char)(1 << bit);
        }
    }
    assert_int_equal(decode(&w, &out, NULL), 0);
    wire_done(&w);
}

/* Adds a section at the end, as a newer daemon would. */
static void append_section(struct wire *w, uint16_t id, uint16_t flags)
{
    struct berth_shim_wire_section section = {id, flags, 4};
    struct berth_shim_wire_header *header;

    w->data = realloc(w->data, w->length + sizeof(section) + 4);
    memcpy((char *)w->data + w->length, &section, sizeof(section));
    memset((char *)w->data + w->length + sizeof(section), 0x5a, 4);
    w->length += sizeof(section) + 4;
    header = w->data;
    header->section_count++;
    header->total_length = (uint32_t)w->length;
    header->minor++;
}

static void a_newer_daemon_is_understood(void **state)
{
    struct sample s;
    struct wire w;
    struct berth_shim_spec out;
    berth_error err;

    sample_init(&s);
    wire_init(&w, &s.spec);
    append_section(&w, 99, 0);
    assert_int_equal(decode(&w, &out, NULL), 0);
    append_section(&w, BERTH_SHIM_SECTION_HOOKS, BERTH_SHIM_WIRE_REQUIRED);
    assert_int_equal(decode(&w, &out, &err), BERTH_E_UNSUPPORTED);
    wire_done(&w);

    wire_init(&w, &s.spec);
    ((struct berth_shim_wire_header *)w.data)->major++;
    assert_int_equal(decode(&w, &out, &err), BERTH_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "major version"));
    wire_done(&w);
}

/* An older daemon sends shorter sections: what is missing reads as zero, fds as none. */
static void an_older_daemon_is_understood(void **state)
{
    struct sample s;
    struct wire w;
    struct berth_shim_spec out;

    sample_init(&s);
    wire_init(&w, &s.spec);
    unsigned char *at = (unsigned char *)w.data + sizeof(struct berth_shim_wire_header);
    unsigned char *end = (unsigned char *)w.data + w.length;
    struct berth_shim_wire_header *header = w.data;
    while (at < end) {
        struct berth_shim_wire_section section;
        memcpy(&section, at, sizeof(section));
        unsigned char *next = at + sizeof(section) + section.length;
        if (section.id == BERTH_SHIM_SECTION_ROOT || section.id == BERTH_SHIM_SECTION_STDIO) {
            memmove(at + sizeof(section), next, (size_t)(end - next));
            w.length -= section.length;
            end -= section.length;
            section.length = 0;
            memcpy(at, &section, sizeof(section));
            next = at + sizeof(section);
        }
        at = next;
    }
    header->total_length = (uint32_t)w.length;
    assert_int_equal(decode(&w, &out, NULL), 0);
    assert_int_equal(out.root_fd, -1);
    assert_int_equal(out.rows, 0);
    wire_done(&w);
}

static void messages_carry_data_and_fds(void **state)
{
    struct berth_shim_message out = {.type = BERTH_SHIM_ATTACH, .serial = 7}, in;
    unsigned char buffer[1024];
    int pair[2], fds[2] = {0, 1};
    struct berth_shim_payload payload = {"hello", 5, fds, 2};
    struct berth_shim_incoming incoming = {.buffer = buffer, .size = sizeof(buffer)};
    berth_error err;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    out.body.attach.client = 3;
    assert_int_equal(berth_shim_message_send(pair[0], &out, &payload, 0, NULL), 0);
    assert_int_equal(berth_shim_message_receive(pair[1], &in, &incoming, 0, NULL), 1);
    assert_int_equal(in.body.attach.client, 3);
    assert_int_equal(incoming.length, 5);
    assert_memory_equal(buffer, "hello", 5);
    assert_int_equal(incoming.fd_count, 2);
    assert_true((fcntl(incoming.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    close(incoming.fds[0]);
    close(incoming.fds[1]);
    assert_int_equal(berth_shim_message_receive(pair[1], &in, &incoming, MSG_DONTWAIT, &err),
                     BERTH_E_UNAVAILABLE);
    /* Broken ones are refused and the channel goes on. */
    assert_int_equal(write(pair[0], "short", 5), 5);
    assert_int_equal(berth_shim_message_receive(pair[1], &in, &incoming, 0, &err), BERTH_E_DATA);
    out.body_size = 1000;
    assert_true(write(pair[0], &out, sizeof(out)) > 0);
    assert_int_equal(berth_shim_message_receive(pair[1], &in, &incoming, 0, &err), BERTH_E_DATA);
    close(pair[0]);
    assert_int_equal(berth_shim_message_receive(pair[1], &in, &incoming, 0, NULL), 0);
    close(pair[1]);
}

/* Bodies of another size, with data behind them: a frozen older peer and a newer one. */
static void bodies_of_other_sizes_are_read(void **state)
{
    struct berth_shim_message out = {.type = BERTH_SHIM_SIGNAL}, in;
    unsigned char buffer[1024], raw[1024];
    int pair[2];
    struct berth_shim_incoming incoming = {.buffer = buffer, .size = sizeof(buffer)};
    const size_t head = offsetof(struct berth_shim_message, body), sizes[] = {8, 128, 200};

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t data = 0; data < 600; data += 300) {
            out.body_size = (uint32_t)sizes[i];
            out.data_size = data;
            memset(raw, 0x11, sizeof(raw));
            memcpy(raw, &out, head);
            memset(raw + head + sizes[i], 0x22, data);
            size_t all = head + sizes[i] + data;
            assert_int_equal(write(pair[0], raw, all), (ssize_t)all);
            memset(buffer, 0, sizeof(buffer));
            assert_int_equal(berth_shim_message_receive(pair[1], &in, &incoming, 0, NULL), 1);
            assert_int_equal(in.body.signal.number, 0x11111111);
            assert_int_equal(in.body.bytes[127], sizes[i] < 128 ? 0 : 0x11);
            assert_int_equal(incoming.length, data);
            for (uint32_t k = 0; k < data; k++) {
                assert_int_equal(buffer[k], 0x22);
            }
        }
    }
    close(pair[0]);
    close(pair[1]);
}

static void too_large_a_spec_is_refused(void **state)
{
    struct sample s;
    void *data;
    size_t length;
    uint32_t count;
    int fds[BERTH_SHIM_FDS_MAX];
    char *huge = malloc(BERTH_SHIM_SPEC_MAX + 2);

    sample_init(&s);
    memset(huge, 'x', BERTH_SHIM_SPEC_MAX + 1);
    huge[BERTH_SHIM_SPEC_MAX + 1] = 0;
    s.argv[1] = huge;
    assert_int_equal(berth_shim_spec_encode(&s.spec, &data, &length, fds, &count, NULL),
                     BERTH_E_INVALID);
    free(huge);
}

int main(int argc, char **argv)
{
    if (argc == 2) { /* writes a seed for the fuzz target */
        struct sample s;
        struct wire w;
        sample_init(&s);
        wire_init(&w, &s.spec);
        int fd = open(argv[1], O_CREAT | O_WRONLY | O_TRUNC, 0644);
        char count = (char)w.fd_count;
        return write(fd, &count, 1) != 1 || write(fd, w.data, w.length) != (ssize_t)w.length;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_byte_is_survived),
        cmocka_unit_test(a_newer_daemon_is_understood),
        cmocka_unit_test(an_older_daemon_is_understood),
        cmocka_unit_test(messages_carry_data_and_fds),
        cmocka_unit_test(bodies_of_other_sizes_are_read),
        cmocka_unit_test(too_large_a_spec_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
