/* test_show.c - rows as JSON and as text, short names of jobs, and small pieces of text. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/names.h"
#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/words.h"

Test (shapes, an_agent_is_an_object_with_all_its_members)
{
    static const char *const capabilities[] = {"a", "b", NULL};
    yard_agent_row agent = {.name = "n",
                            .state = "CONNECTED",
                            .region = "eu",
                            .pool = "shared",
                            .capabilities = capabilities,
                            .slots = 4,
                            .used = 1,
                            .session = 7,
                            .seen_at_ms = 1,
                            .draining = true,
                            .drain_by_ms = 2,
                            .drain_reason = "disk"};
    json_auto_t *object = ctl_json_row (&ctl_agent_shape, &agent);
    _free_ char *text = json_dumps (object, JSON_COMPACT | JSON_SORT_KEYS);

    cr_assert_str_eq (
        text, "{\"capabilities\":[\"a\",\"b\"],\"drain_by\":\"1970-01-01T00:00:00.002Z\","
              "\"drain_reason\":\"disk\",\"draining\":true,\"name\":\"n\",\"pool\":\"shared\","
              "\"region\":\"eu\",\"seen_at\":\"1970-01-01T00:00:00.001Z\","
              "\"session\":7,\"slots\":4,\"state\":\"CONNECTED\",\"used\":1}");
}

Test (shapes, what_never_happened_is_null)
{
    yard_key key = {.public_key = "k", .role = "r", .tenant = "t", .name = "n", .since_ms = 5};
    json_auto_t *object = ctl_json_row (&ctl_key_shape, &key);

    cr_assert (json_is_null (json_object_get (object, "revoked_at")));
    cr_assert (json_is_string (json_object_get (object, "since")));
}

Test (rows, end_at_the_limit_and_say_where_to_go_on)
{
    const yard_job_row a = {.job = "a"}, b = {.job = "b"}, c = {.job = "c"};
    const yard_job_row *const first[] = {&a, &b}, *const second[] = {&c};
    _rows_ struct ctl_rows rows = {0}, cut = {0};

    cr_assert_eq (ctl_rows_add (&rows, &ctl_job_row_shape, NULL, first, 2, "b", 3), 1);
    cr_assert_eq (ctl_rows_add (&rows, &ctl_job_row_shape, NULL, second, 1, NULL, 3), 0);
    cr_assert_eq (rows.count, 3);
    cr_assert_null (rows.next);
    cr_assert_eq (ctl_rows_add (&cut, &ctl_job_row_shape, NULL, first, 2, NULL, 1), 0);
    cr_assert_eq (cut.count, 1);
    cr_assert_str_eq (cut.next, "a");
}

static const struct {
    const char *end;
    size_t count;
    const char *first;
} endings[] = {
    {"q2m4d", 1, "job_01k7k3f9q2m4d"},         {"Q2M4D", 1, "job_01k7k3f9q2m4d"},
    {"m4d", 2, "job_01k7k3f9q2m4d"},           {"zzzz", 0, NULL},
    {"01k7k3f9q2m4d", 1, "job_01k7k3f9q2m4d"},
};

Test (names, an_ending_is_enough_if_it_is_the_only_one)
{
    const yard_job_row a = {.job = "job_01k7k3f9q2m4d"}, b = {.job = "job_01k7k3f9q3m4d"};
    const yard_job_row *const rows[] = {&a, &b}, *first;

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        first = NULL;
        cr_assert_eq (ctl_names_match (rows, 2, endings[i].end, &first), endings[i].count, "%s",
                      endings[i].end);
        if (endings[i].first)
            cr_assert_str_eq (first->job, endings[i].first);
    }
}

Test (names, each_job_once)
{
    _names_ struct ctl_names names = {0};

    ctl_names_add (&names, "job_01k7k3f9q2m4d");
    ctl_names_add (&names, "job_01k7k3f9q3m4d");
    ctl_names_add (&names, "job_01k7k3f9q2m4d");
    cr_assert_eq (names.count, 2);
    cr_assert_str_eq (names.at[0], "job_01k7k3f9q2m4d");
    cr_assert_str_eq (names.at[1], "job_01k7k3f9q3m4d");
}

static const struct {
    const char *from, *to;
} cleaned[] = {
    {"plain", "plain"},
    {"a\033[31mb", "a?[31mb"},
    {"a\nb\tc\x7f", "a?b?c?"},
    {"a\xc2\x9b"
     "31mb",
     "a?31mb"},
    {"\xc3\xa4\xc2\xa0\xe2\x86\x92", "\xc3\xa4\xc2\xa0\xe2\x86\x92"},
    {"\xc2", "\xc2"},
};

Test (text, that_others_wrote_does_not_steer_the_terminal)
{
    for (size_t i = 0; i < sizeof cleaned / sizeof *cleaned; i++) {
        _free_ char *clean = ctl_clean (cleaned[i].from);

        cr_assert_str_eq (clean, cleaned[i].to);
    }
}

static const struct {
    int64_t ms;
    const char *text;
} spans[] = {
    {-5, "0s"},        {0, "0s"},       {40000, "40s"},     {119999, "119s"},  {120000, "2m"},
    {7199000, "119m"}, {7200000, "2h"}, {172799000, "47h"}, {172800000, "2d"},
};

Test (text, spans_of_time)
{
    char text[CTL_SPAN_TEXT];

    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        ctl_span_text (text, spans[i].ms);
        cr_assert_str_eq (text, spans[i].text);
    }
}

static const struct {
    uint64_t done, total;
    const char *text;
} bars[] = {
    {0, 0, "-"},
    {7, 0, "7"},
    {0, 10, "  0% .........."},
    {62, 100, " 62% ######...."},
    {10, 10, "100% ##########"},
    {11, 10, "100% ##########"},
    {UINT64_MAX / 2, UINT64_MAX, " 50% #####....."},
};

Test (text, bars_without_utf8)
{
    char text[CTL_BAR_TEXT];

    cr_assert_not_null (setlocale (LC_ALL, "C"));
    for (size_t i = 0; i < sizeof bars / sizeof *bars; i++) {
        ctl_bar_text (text, bars[i].done, bars[i].total);
        cr_assert_str_eq (text, bars[i].text);
    }
}

Test (text, a_moment)
{
    char text[CTL_TIME_TEXT];

    ctl_time_text (text, INT64_C (1795328697007));
    cr_assert_str_eq (text, "2026-11-22T06:24:57.007Z");
    ctl_time_text (text, INT64_MAX);
    cr_assert_str_eq (text, "?");
}

Test (words, states_in_any_writing, .init = cr_redirect_stderr)
{
    struct ctl c = {0};

    cr_assert_str_eq (ctl_state_word (&c, "started"), "STARTED");
    cr_assert_str_eq (ctl_state_word (&c, "termination-requested"), "TERMINATION_REQUESTED");
    cr_assert_null (ctl_state_word (&c, "flying"));
    cr_assert (ctl_is_good_end ("COMPLETED"));
    cr_assert_not (ctl_is_good_end ("FAILED"));
}
