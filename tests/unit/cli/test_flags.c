/* SPDX-License-Identifier: Apache-2.0
 *
 * core/cli: flags are parsed with pflag's rules, refused with its sentences; the command tree is
 * sound.
 */
#include "test.h"

#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/csv.h"

static const struct berth_flag flags_table[] = {
    BERTH_FLAG_LINE(BOOL, "all", 'a', ""),
    BERTH_FLAG_LINE(STRING, "format", 'f', ""),
    {.name = "last", .shorthand = 'n', .type = BERTH_FLAG_INT, .initial = "-1", .help = ""},
    BERTH_FLAG_LINE(LIST, "env", 'e', ""),
    BERTH_FLAG_LINE(STRINGS, "subnet", 's', ""),
    BERTH_FLAG_LINE(BYTES, "memory", 'm', ""),
    BERTH_FLAG_LINE(DURATION, "interval", 'i', ""),
    {.name = "proxy", .type = BERTH_FLAG_BOOL, .initial = "true", .help = ""},
    {.name = "environment", .type = BERTH_FLAG_LIST, .alias_of = "env", .help = ""},
};
static const struct berth_command command = {BERTH_FLAGS(flags_table)};

struct parsed {
    struct berth_flags flags;
    struct berth_flags_parse parse;
    char *argv[16];
    int32_t code;
    berth_error err;
};

/* Words are separated by spaces. */
static void parse(struct parsed *parsed, const char *line, bool stop)
{
    static char copy[512];
    int argc = 0;
    *parsed = (struct parsed){.err = BERTH_ERROR_INIT, .parse = {.stop_at_argument = stop}};
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        parsed->argv[argc++] = word;
    }
    assert_true(berth_flags_init(&parsed->flags, &command));
    parsed->code =
        berth_flags_parse(&parsed->flags, argc, parsed->argv, &parsed->parse, &parsed->err);
}

static void values_may_stand_in_every_form(void **state)
{
    struct parsed p;
    parse(&p, "-af x one --last=5 -e A=1 two -eB=2 --env C=3 -s a,b --subnet=c -m64m -i 1m30s",
          false);
    assert_int_equal(p.code, 0);
    assert_true(berth_flags_bool(&p.flags, "all"));
    assert_string_equal(berth_flags_string(&p.flags, "format"), "x");
    assert_int_equal(berth_flags_int(&p.flags, "last"), 5);
    assert_int_equal(berth_flags_list(&p.flags, "env")->count, 3);
    assert_string_equal(berth_flags_list(&p.flags, "env")->items[1], "B=2");
    assert_int_equal(berth_flags_list(&p.flags, "subnet")->count, 3);
    assert_int_equal(berth_flags_amount(&p.flags, "memory"), 64 << 20);
    assert_int_equal(berth_flags_amount(&p.flags, "interval"), INT64_C(90000000000));
    assert_int_equal(p.parse.ret_args, 2);
    assert_string_equal(p.argv[0], "one");
    assert_string_equal(p.argv[1], "two");
    berth_flags_done(&p.flags);
}

static void absent_flags_have_their_initial_value(void **state)
{
    struct parsed p;
    parse(&p, "x", false);
    assert_int_equal(berth_flags_int(&p.flags, "last"), -1);
    assert_true(berth_flags_bool(&p.flags, "proxy"));
    assert_false(berth_flags_changed(&p.flags, "proxy"));
    assert_string_equal(berth_flags_string(&p.flags, "format"), "");
    berth_flags_done(&p.flags);
    parse(&p, "--proxy=false -a=0 -f=v", false);
    assert_false(berth_flags_bool(&p.flags, "proxy"));
    assert_false(berth_flags_bool(&p.flags, "all"));
    assert_true(berth_flags_changed(&p.flags, "all"));
    assert_string_equal(berth_flags_string(&p.flags, "format"), "v");
    berth_flags_done(&p.flags);
}

static void the_first_argument_or_two_dashes_end_the_flags(void **state)
{
    struct parsed p;
    parse(&p, "-a image -a --unknown", true);
    assert_int_equal(p.code, 0);
    assert_int_equal(p.parse.ret_args, 3);
    assert_string_equal(p.argv[1], "-a");
    berth_flags_done(&p.flags);
    parse(&p, "one -- -a --all", false);
    assert_int_equal(p.parse.ret_args, 3);
    assert_false(berth_flags_bool(&p.flags, "all"));
    berth_flags_done(&p.flags);
    parse(&p, "- -a", false);
    assert_int_equal(p.parse.ret_args, 1);
    assert_string_equal(p.argv[0], "-");
    berth_flags_done(&p.flags);
}

static void another_name_sets_the_same_flag(void **state)
{
    struct parsed p;
    parse(&p, "--environment A=1 --env B=2", false);
    assert_int_equal(berth_flags_list(&p.flags, "env")->count, 2);
    berth_flags_done(&p.flags);
}

static void help_is_seen_before_what_follows(void **state)
{
    struct parsed p;
    parse(&p, "-a --help --unknown", false);
    assert_int_equal(p.code, 0);
    assert_true(p.parse.ret_help && !p.parse.ret_short_help);
    berth_flags_done(&p.flags);
    parse(&p, "-h", false);
    assert_true(p.parse.ret_help && p.parse.ret_short_help);
    berth_flags_done(&p.flags);
}

static void wrong_flags_are_refused_in_pflags_words(void **state)
{
    static const char *const cases[][2] = {
        {"--foo", "unknown flag: --foo"},
        {"--foo=x", "unknown flag: --foo"},
        {"-Z", "unknown shorthand flag: 'Z' in -Z"},
        {"-aZb", "unknown shorthand flag: 'Z' in -Zb"},
        {"-n", "flag needs an argument: 'n' in -n"},
        {"--format", "flag needs an argument: --format"},
        {"--all=foo", "invalid argument \"foo\" for \"-a, --all\" flag: strconv.ParseBool: parsing "
                      "\"foo\": invalid syntax"},
        {"-n x", "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": "
                 "invalid syntax"},
        {"-m x", "invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'"},
        {"-m -1", "invalid argument \"-1\" for \"-m, --memory\" flag: invalid size: '-1'"},
        {"-i x", "invalid argument \"x\" for \"-i, --interval\" flag: time: invalid duration "
                 "\"x\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct parsed p;
        parse(&p, cases[i][0], false);
        assert_int_equal(p.code, BERTH_E_INVALID);
        assert_string_equal(p.err.msg, cases[i][1]);
        berth_flags_done(&p.flags);
    }
}

static void comma_separated_values_may_be_quoted(void **state)
{
    AUTO_STRV struct berth_strv fields = {0};
    assert_true(berth_csv_split("a,\"b,c\",,\"d\"\"e\"", &fields));
    assert_int_equal(fields.count, 4);
    assert_string_equal(fields.items[1], "b,c");
    assert_string_equal(fields.items[2], "");
    assert_string_equal(fields.items[3], "d\"e");
    assert_false(berth_csv_split("\"a", &fields));
    assert_false(berth_csv_split("\"a\"b", &fields));
}

/* A command's tables: no flag twice, no letter twice, every initial value readable. */
static void check_command(const struct berth_command *one, int depth)
{
    assert_true(depth < 4);
    assert_non_null(one->summary);
    assert_true(one->entry_count > 0 || one->run != NULL);
    for (size_t i = 0; i < one->entry_count; i++) {
        assert_ptr_equal(berth_cli_find(one, one->entries[i].name), &one->entries[i]);
        check_command(one->entries[i].command, depth + 1);
    }
    struct berth_flags flags;
    assert_true(berth_flags_init(&flags, one));
    for (size_t i = 0; i < flags.count; i++) {
        const struct berth_flag *flag = flags.values[i].flag;
        assert_non_null(flag->help);
        for (size_t j = 0; j < i; j++) {
            const struct berth_flag *other = flags.values[j].flag;
            assert_string_not_equal(flag->name, other->name);
            assert_true(flag->shorthand == 0 || flag->shorthand != other->shorthand);
        }
        if (flag->alias_of != NULL) {
            assert_true(berth_flags_has(&flags, flag->alias_of));
        }
    }
    berth_flags_done(&flags);
}

static void the_command_tree_is_sound(void **state)
{
    check_command(&berth_cli_root, 0);
    assert_ptr_equal(berth_cli_find(&berth_cli_root, "ps")->command, &berth_command_ps);
    const struct berth_command_entry *group = berth_cli_find(&berth_cli_root, "container");
    assert_ptr_equal(berth_cli_find(group->command, "list")->command, &berth_command_ps);
    assert_null(berth_cli_find(&berth_cli_root, "list"));
    assert_null(berth_cli_find(&berth_cli_root, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_may_stand_in_every_form),
        cmocka_unit_test(absent_flags_have_their_initial_value),
        cmocka_unit_test(the_first_argument_or_two_dashes_end_the_flags),
        cmocka_unit_test(another_name_sets_the_same_flag),
        cmocka_unit_test(help_is_seen_before_what_follows),
        cmocka_unit_test(wrong_flags_are_refused_in_pflags_words),
        cmocka_unit_test(comma_separated_values_may_be_quoted),
        cmocka_unit_test(the_command_tree_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
