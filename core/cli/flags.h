/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing of flags with the rules of pflag (what every Docker user's fingers know): --name=value,
 * --name value, -abc, -nVALUE, repeated lists, "--", flags between arguments unless the command
 * says otherwise.
 */
#ifndef BERTH_CLI_FLAGS_H
#define BERTH_CLI_FLAGS_H

#include "base/string.h"
#include "cli/command.h"

struct berth_flag_value {
    const struct berth_flag *flag;
    const char *text; /* borrowed from argv; NULL: not given */
    struct berth_strv list;
    bool changed;
};

/* The values of one command's flags. */
struct berth_flags {
    struct berth_flag_value *values;
    size_t count;
};

/* Makes room for the flags of a command. False: out of memory. */
bool berth_flags_init(struct berth_flags *flags, const struct berth_command *command);
void berth_flags_done(struct berth_flags *flags);

/* What parsing needs and gives besides values. */
struct berth_flags_parse {
    bool stop_at_argument; /* in: the first argument ends the flags */
    bool ret_help;         /* out: --help or -h was met (parsing stopped there) */
    bool ret_short_help;   /* out: it was -h */
    int ret_args;          /* out: how many arguments; they stand at the front of argv */
};

/* Parses argv[0..argc) (the program's name is not in it), moves the arguments to its front in
 * order. Fails with the sentence to print (BERTH_E_INVALID). */
int32_t berth_flags_parse(struct berth_flags *flags, int argc, char **argv,
                          struct berth_flags_parse *parse, berth_error *err);

/* Values by name; a name that the command does not have is a bug and aborts. */
bool berth_flags_changed(const struct berth_flags *flags, const char *name);
bool berth_flags_bool(const struct berth_flags *flags, const char *name);
/* Never NULL. */
const char *berth_flags_string(const struct berth_flags *flags, const char *name);
int64_t berth_flags_int(const struct berth_flags *flags, const char *name);
/* Of BYTES and DURATION: bytes or nanoseconds. */
int64_t berth_flags_amount(const struct berth_flags *flags, const char *name);
const struct berth_strv *berth_flags_list(const struct berth_flags *flags, const char *name);
/* True when the command has such a flag. */
bool berth_flags_has(const struct berth_flags *flags, const char *name);

#endif
