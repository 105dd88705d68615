/* test_tables.c - the rows of schema/ as base gives them: unique, complete, and a life that can
 * be lived. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "common/base/enums.h"
#include "common/base/life.h"
#include "common/base/refusal.h"
#include "common/base/text.h"

static const struct ym_life *const lives[] = {&ym_job_life, &ym_agent_life};
enum { LIVES = 2 };

Test (refusal, rows_are_unique_and_found)
{
    for (unsigned i = 0; i < YM_REFUSALS; i++) {
        enum ym_refusal r = (enum ym_refusal)i;

        cr_expect_eq (ym_refusal_find (ym_refusal_slug (r)), r, "%s is there twice",
                      ym_refusal_slug (r));
        cr_expect_leq (strlen (ym_refusal_slug (r)), 32, "a refusal's code has 32 octets");
        cr_expect_leq (strlen (ym_refusal_text (r)), 400);
        cr_expect (r == YM_REFUSAL_NONE ? ym_refusal_exit (r) == 0 : ym_refusal_exit (r) > 0);
    }
    cr_expect_eq (ym_refusal_find ("no such thing"), YM_REFUSALS);
    cr_expect (ym_refusal_is_retryable (YM_REFUSAL_BUSY));
    cr_expect_not (ym_refusal_is_retryable (YM_REFUSAL_INVALID));
}

Test (refusal, outside_the_list_is_our_own_fault, .signal = SIGABRT)
{
    (void)ym_refusal_text (YM_REFUSALS);
}

Test (enums, lists_are_where_their_numbers_say)
{
    cr_expect_str_eq (ym_enums[YM_ENUM_TIER].name, "tier");
    cr_expect_str_eq (ym_enums[YM_ENUM_ROLE].name, "role");
    cr_expect_str_eq (ym_enums[YM_ENUM_WANTED].name, "wanted");
    cr_expect_str_eq (ym_enums[YM_ENUM_BLOCKER].name, "blocker");
    cr_expect_str_eq (ym_enum_word (YM_ENUM_TIER, YM_PLATINUM), "platinum");
    cr_expect_str_eq (ym_enum_word (YM_ENUM_TIER, 99), "?");
}

Test (enums, words_are_unique_and_found)
{
    for (unsigned i = 0; i < YM_ENUMS; i++)
        for (unsigned k = 0; k < ym_enums[i].count; k++) {
            const char *word = ym_enums[i].words[k];

            cr_expect_eq (ym_enum_find (i, word, (unsigned)strlen (word)), (int)k, "%s", word);
            cr_expect_eq (ym_enum_find (i, word, (unsigned)strlen (word) - 1), -1, "%s", word);
            cr_expect_leq (strlen (word), 40);
        }
    cr_expect_eq (ym_enum_find (YM_ENUM_ROLE, "", 0), -1);
}

Test (life, names_and_numbers_are_unique)
{
    for (unsigned l = 0; l < LIVES; l++) {
        const struct ym_life *life = lives[l];

        for (unsigned i = 0; i < life->state_count; i++) {
            const struct ym_state *s = &life->states[i];

            cr_expect_str_eq (ym_life_state_name (life, s->number), s->name);
            cr_expect_eq (ym_life_state_find (life, s->name, (unsigned)strlen (s->name)),
                          s->number);
            cr_expect_eq (ym_life_is_final (life, s->number), s->final);
            cr_expect_leq (strlen (s->name), 40);
        }
        for (unsigned i = 0; i < life->event_count; i++)
            for (unsigned k = 0; k < i; k++)
                cr_expect (life->events[i].number != life->events[k].number &&
                           strcmp (life->events[i].name, life->events[k].name) != 0);
        for (unsigned i = 0; i < life->note_count; i++)
            for (unsigned k = 0; k < life->event_count; k++)
                cr_expect_neq (life->notes[i].number, life->events[k].number,
                               "the history could not tell %s from %s", life->notes[i].name,
                               life->events[k].name);
    }
}

Test (life, a_name_of_before_is_understood)
{
    static const struct ym_former formers[] = {{"MOVING", YM_JOB_STARTED}, {NULL, 0}};
    struct ym_life life = ym_job_life;

    life.formers = formers;
    cr_expect_eq (ym_life_state_find (&life, "MOVING", 6), YM_JOB_STARTED);
    cr_expect_eq (ym_life_state_find (&life, "STARTED", 7), YM_JOB_STARTED);
    cr_expect_eq (ym_life_state_find (&life, "MOVIN", 5), -1);
    for (unsigned l = 0; l < LIVES; l++)
        for (const struct ym_former *f = lives[l]->formers; f->name; f++)
            for (unsigned i = 0; i < lives[l]->state_count; i++)
                cr_expect_str_neq (f->name, lives[l]->states[i].name,
                                   "a name of before is used again");
}

Test (life, moves_are_unique_and_leave_no_final_state)
{
    for (unsigned l = 0; l < LIVES; l++)
        for (unsigned i = 0; i < lives[l]->move_count; i++) {
            const struct ym_move *m = &lives[l]->moves[i];

            cr_expect_eq (ym_life_next (lives[l], m->from, m->on), m, "a pair is there twice");
            cr_expect_not (ym_life_is_final (lives[l], m->from), "%s", m->why);
            cr_expect_str_neq (ym_life_state_name (lives[l], m->from), "?");
            cr_expect_str_neq (ym_life_state_name (lives[l], m->to), "?");
            cr_expect_gt (strlen (m->why), 0);
            cr_expect_leq (strlen (m->why), 200);
        }
}

/* Marks what can be reached from the first row's state, the one a life begins in. */
static void reach (const struct ym_life *life, bool *reached)
{
    bool is_new = true;

    reached[life->states[0].number] = true;
    while (is_new) {
        is_new = false;
        for (unsigned i = 0; i < life->move_count; i++)
            if (reached[life->moves[i].from] && !reached[life->moves[i].to])
                reached[life->moves[i].to] = is_new = true;
    }
}

Test (life, every_used_state_is_reached_and_a_job_can_end)
{
    for (unsigned l = 0; l < LIVES; l++) {
        bool reached[1000] = {false};

        reach (lives[l], reached);
        for (unsigned i = 0; i < lives[l]->move_count; i++)
            cr_expect (reached[lives[l]->moves[i].from], "nothing leads to %s",
                       ym_life_state_name (lives[l], lives[l]->moves[i].from));
        for (unsigned i = 0; lives[l] == &ym_job_life && i < ym_job_life.state_count; i++)
            if (ym_job_life.states[i].final)
                cr_expect (reached[ym_job_life.states[i].number]);
    }
}

Test (life, says_no_and_why)
{
    cr_expect_null (ym_life_next (&ym_job_life, YM_JOB_COMPLETED, YM_JOB_ON_LEASE));
    cr_expect_null (ym_life_next (&ym_job_life, YM_JOB_QUEUED, YM_JOB_ON_STARTED));
    cr_expect_null (ym_life_next (&ym_job_life, 12345, YM_JOB_ON_LEASE));
    cr_expect_eq (ym_life_next (&ym_job_life, YM_JOB_QUEUED, YM_JOB_ON_LEASE)->to,
                  YM_JOB_LEASED);
    cr_expect_eq (ym_life_next (&ym_agent_life, YM_AGENT_LOST, YM_AGENT_ON_REGISTER)->to,
                  YM_AGENT_CONNECTED);
    cr_expect_str_eq (ym_life_why (&ym_job_life, YM_JOB_STARTED, YM_JOB_ON_LOSE),
                      "the agent was lost");
    cr_expect_str_eq (ym_life_why (&ym_job_life, YM_JOB_STARTED, YM_JOB_NOTE_CHECKPOINTED),
                      "a checkpoint was stored");
    cr_expect_str_eq (ym_life_why (&ym_job_life, YM_JOB_COMPLETED, YM_JOB_ON_LOSE), "");
    cr_expect_str_eq (ym_life_state_name (&ym_job_life, 5), "?");
    cr_expect_eq (ym_life_state_find (&ym_job_life, "QUEUE", 5), -1);
    cr_expect_not (ym_life_is_final (&ym_job_life, 5));
}
