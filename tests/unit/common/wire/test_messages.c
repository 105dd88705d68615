/* test_messages.c - what must hold of the rows in schema/wire, so that they can be messages. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/wire/wire.h"

static void check_fields (const char *owner, const struct ym_field *fields, size_t count,
                          size_t size)
{
    size_t end = 0;

    for (size_t i = 0; i < count; i++) {
        const struct ym_field *f = &fields[i];

        cr_expect_eq (f->name_size, strlen (f->name));
        cr_expect_leq (f->name_size, 31, "%s.%s: msgpack's shortest head fits 31", owner,
                       f->name);
        cr_expect (f->at >= end && f->at < size, "%s.%s", owner, f->name);
        cr_expect_gt (strlen (f->doc), 0, "%s.%s", owner, f->name);
        end = f->at + 1;
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq (f->name, fields[k].name, "%s", owner);
        if (f->kind == YM_KIND_TEXT)
            cr_expect_leq (f->max, 80, "%s.%s is inline", owner, f->name);
        if (f->kind == YM_KIND_WORDS)
            cr_expect_leq (f->max, YM_WORDS_MAX, "%s.%s", owner, f->name);
        if (f->kind == YM_KIND_ENUM)
            cr_expect_lt (f->max, YM_ENUMS, "%s.%s", owner, f->name);
        cr_expect_eq (f->record != NULL, f->kind == YM_KIND_LIST, "%s.%s", owner, f->name);
    }
}

Test (messages, are_numbered_and_named_once)
{
    for (size_t i = 0; i < ym_message_count; i++) {
        const struct ym_message *m = ym_messages[i];

        cr_expect_eq (ym_message_find (m->number), m);
        cr_expect_eq (ym_message_named (m->name), m, "%s is there twice", m->name);
        cr_expect (i == 0 || ym_messages[i - 1]->number < m->number, "%s", m->name);
        cr_expect_leq (m->count, 64, "%s has no bit left in 'has'", m->name);
        cr_expect_gt (strlen (m->doc), 0);
        check_fields (m->name, m->fields, m->count, m->size);
    }
    cr_expect_null (ym_message_find (0));
    cr_expect_null (ym_message_find (0x03ff));
    cr_expect_null (ym_message_find (0xffff));
    cr_expect_null (ym_message_find (1u << 31));
    cr_expect_null (ym_message_named (""));
}

Test (messages, records_have_required_fields_only)
{
    for (size_t i = 0; i < ym_record_count; i++) {
        const struct ym_record *r = ym_records[i];

        check_fields (r->name, r->fields, r->count, r->size);
        for (size_t k = 0; k < r->count; k++)
            cr_expect_eq (r->fields[k].need, YM_REQUIRED, "%s.%s", r->name, r->fields[k].name);
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq (r->name, ym_records[k]->name);
    }
}

Test (messages, answers_and_events_come_from_the_yard)
{
    for (size_t i = 0; i < ym_message_count; i++)
        if (ym_messages[i]->sort == YM_ANSWER || ym_messages[i]->sort == YM_EVENT)
            cr_expect_eq (ym_messages[i]->roles, YM_NOBODY, "%s", ym_messages[i]->name);
}

Test (messages, are_what_the_structs_are)
{
    const struct ym_message *m = ym_message_find (YM_MSG_job_submit);

    cr_assert_not_null (m);
    cr_expect_str_eq (m->name, "job_submit");
    cr_expect_eq (m->size, sizeof (struct ym_job_submit));
    cr_expect_eq (m->roles, YM_MAY_SUBMIT);
    cr_expect_eq (m->fields[0].at, offsetof (struct ym_job_submit, request));
    cr_expect_eq (m->fields[5].at, offsetof (struct ym_job_submit, regions));
    cr_expect_eq (YM_HAS (job_submit, regions), UINT64_C (1) << 5);
    cr_expect_eq (ym_message_find (YM_MSG_yard_get)->count, 0);
}
