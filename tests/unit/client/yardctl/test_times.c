/* test_times.c - spans and moments as people write them. */
#include <criterion/criterion.h>

#include "client/yardctl/times.h"

static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
} spans[] = {
    {"30s", 30000},
    {"10m", 600000},
    {"2h", 7200000},
    {"1d", 86400000},
    {"250ms", 250},
    {"0s", 0},
    {"1h30m", 5400000},
    {"1d2h3m4s5ms", 93784005},
    {"3660d", INT64_C (316224000000)},
    {"3661d", -1},
    {"999999999999d", -1},
    {"9999999999999s", -1},
    {"", -1},
    {"10", -1},
    {"m", -1},
    {"10 m", -1},
    {"-5m", -1},
    {"+5m", -1},
    {"1.5h", -1},
    {"30m1h", -1},
    {"1h1h", -1},
    {"10x", -1},
    {"10min", -1},
};

Test (times, spans)
{
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        int64_t ms = -7;
        bool read = ctl_span_read (spans[i].text, &ms);

        cr_assert_eq (read, spans[i].ms >= 0, "'%s'", spans[i].text);
        cr_assert_eq (ms, read ? spans[i].ms : -7, "'%s': %lld", spans[i].text, (long long)ms);
    }
}

#define NOW INT64_C (1000000)
static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
} moments[] = {
    {"+10m", NOW + 600000},
    {"10m", NOW + 600000},
    {"2026-11-22T06:24:57Z", INT64_C (1795328697000)},
    {"2026-11-22T06:24:57.007Z", INT64_C (1795328697007)},
    {"2026-11-22T06:24:57.0079999Z", INT64_C (1795328697007)},
    {"2026-11-22 06:24:57Z", INT64_C (1795328697000)},
    {"2026-11-22T07:24:57+01:00", INT64_C (1795328697000)},
    {"2026-11-22T01:54:57-04:30", INT64_C (1795328697000)},
    {"2026-11-22T06:24Z", INT64_C (1795328640000)},
    {"1970-01-01T00:00:00Z", 0},
    {"2024-02-29T00:00:00Z", INT64_C (1709164800000)},
    {"2026-11-22T06:24:57", -1},
    {"2026-11-22", -1},
    {"2026-02-29T00:00:00Z", -1},
    {"2026-11-31T00:00:00Z", -1},
    {"2026-13-01T00:00:00Z", -1},
    {"2026-11-22T24:00:00Z", -1},
    {"2026-11-22T06:60:00Z", -1},
    {"26-11-22T06:24:57Z", -1},
    {"2026-11-22T06:24:57+1:00", -1},
    {"2026-11-22T06:24:57+01:00x", -1},
    {"2026-11-22T06:24:57Zx", -1},
    {"1970-01-01T00:00:00+01:00", -1},
    {"tomorrow", -1},
    {"+", -1},
    {"", -1},
};

Test (times, moments)
{
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        int64_t ms = -7;
        bool read = ctl_moment_read (moments[i].text, NOW, &ms);

        cr_assert_eq (read, moments[i].ms >= 0, "'%s'", moments[i].text);
        if (read)
            cr_assert_eq (ms, moments[i].ms, "'%s': %lld", moments[i].text, (long long)ms);
    }
}
