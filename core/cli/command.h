/* SPDX-License-Identifier: Apache-2.0
 *
 * The command tree as data: a command is its flags, its argument rule, its help and a function; a
 * group is a table of entries. The same command may stand in the tree twice (`ps` and
 * `container ls`).
 */
#ifndef BERTH_CLI_COMMAND_H
#define BERTH_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct berth_cli;

enum berth_flag_type {
    BERTH_FLAG_BOOL,     /* --name, --name=false */
    BERTH_FLAG_STRING,   /* the last one wins */
    BERTH_FLAG_INT,      /* a decimal number */
    BERTH_FLAG_BYTES,    /* 64m, 1g, -1 */
    BERTH_FLAG_DURATION, /* 1m30s */
    BERTH_FLAG_LIST,     /* each use adds one value */
    BERTH_FLAG_STRINGS   /* each use adds values separated by commas */
};

enum {
    BERTH_FLAG_HIDDEN = 1 << 0,      /* parsed, not shown */
    BERTH_FLAG_DEPRECATED = 1 << 1,  /* hidden, and a note is printed on use */
    BERTH_FLAG_ALLOW_EMPTY = 1 << 2, /* a LIST that keeps empty values */
    BERTH_FLAG_UNSIGNED = 1 << 3,    /* an INT that takes no sign */
    BERTH_FLAG_UNLIMITED = 1 << 4    /* BYTES that may be -1 */
};

struct berth_flag {
    const char *name;
    char shorthand; /* 0: none */
    uint8_t type;
    uint16_t flags;
    const char *value;   /* the word for the value in help; NULL: by type */
    const char *initial; /* the value when the flag is absent; NULL: the type's zero */
    const char *help;
    const char *alias_of; /* sets that flag instead; NULL: itself */
    /* Called for each value while parsing; its message ends the command. NULL: any value. */
    int32_t (*check)(const char *value, berth_error *err);
};

struct berth_command_entry;

enum {
    BERTH_COMMAND_STOPS = 1 << 0,  /* what follows the first argument is not ours to parse */
    BERTH_COMMAND_HIDDEN = 1 << 1, /* not listed in help */
    BERTH_COMMAND_RAW = 1 << 2     /* no flags are parsed at all */
};

#define BERTH_ARGS_ANY (-1)

struct berth_command {
    const char *usage;       /* after the name: "[OPTIONS] CONTAINER"; "\n" starts a second form */
    const char *summary;     /* one line */
    const char *description; /* the long text; NULL: the summary */
    const char *known_as;    /* "container ls, ps": the other names; NULL: none */
    const struct berth_flag *flags;
    size_t flag_count;
    const struct berth_flag *more_flags; /* a second table, shared with another command */
    size_t more_flag_count;
    int16_t min_args, max_args;        /* BERTH_ARGS_ANY: no upper bound */
    uint16_t options;                  /* BERTH_COMMAND_* */
    uint16_t failure;                  /* exit code of errors found while parsing arguments; 0: 1 */
    int (*run)(struct berth_cli *cli); /* returns the exit code */
    const struct berth_command_entry *entries; /* of a group */
    size_t entry_count;
    const char *completes; /* what arguments are: "container", "image", "network", ...; NULL */
};

enum berth_command_section {
    BERTH_SECTION_COMMON,
    BERTH_SECTION_MANAGEMENT,
    BERTH_SECTION_OTHER,
    BERTH_SECTION_HIDDEN
};

struct berth_command_entry {
    const char *name;
    const char *aliases; /* "list,ps"; NULL: none */
    const struct berth_command *command;
    uint8_t section;
};

/* Lines of a flags table, for the usual cases. */
#define BERTH_FLAG_LINE(type_, name_, shorthand_, help_)                                        \
    {                                                                                           \
        .name = (name_), .shorthand = (shorthand_), .type = BERTH_FLAG_##type_, .help = (help_) \
    }
#define BERTH_FLAG_FILTER                                                                     \
    {                                                                                         \
        .name = "filter", .shorthand = 'f', .type = BERTH_FLAG_LIST, .value = "filter",       \
        .check = berth_cli_check_filter, .help = "Filter output based on conditions provided" \
    }

#define BERTH_FLAGS(table) .flags = (table), .flag_count = sizeof(table) / sizeof((table)[0])
#define BERTH_MORE_FLAGS(table) \
    .more_flags = (table), .more_flag_count = sizeof(table) / sizeof((table)[0])
#define BERTH_ENTRIES(table) .entries = (table), .entry_count = sizeof(table) / sizeof((table)[0])

/* The root of the tree (tree.c). */
extern const struct berth_command berth_cli_root;

#endif
