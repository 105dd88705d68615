/* test_explained.c - random yards, explained and then played: a job is leased in the next round
 * if and only if nothing was told that it waits for.
 *
 * The queues' waiting jobs and assignment's roster in one program, joined by what they tell
 * each other: offers and withdrawals one way, leases the other, the question through both.
 * Policy reaches the one earlier than the other, as it may.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/assignment/roster.h"
#include "actors/queue/waiting.h"

#if defined __SANITIZE_ADDRESS__
#define YARDS 150
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define YARDS 150
#endif
#endif
#ifndef YARDS
#define YARDS 2000
#endif

enum {
    TENANTS = 3,
    AGENTS = 6,
    CLASSES = 6,
    JOBS = 40,
    JOBS_MANY = 600, /* more than a class has on offer */
    MANY_EVERY = 150,
    ROUNDS = 8,
    ROUND_ROOM = 512,
    LEASE_TICKS = 10,
    AGE_GRANTS = 3
};

enum place { IS_NOWHERE, IS_WAITING, IS_RUNNING, IS_SUSPENDED };
struct job {
    enum place place;
    uint32_t tier;
    struct waiting_job is; /* as its row has it */
};
struct yard {
    struct roster roster;
    struct waiting *queues[YM_COUNT_tier];
    bool stopped[YM_COUNT_tier], fresh[YM_COUNT_tier]; /* as the queues know it */
    struct ym_requirement needs[CLASSES];
    struct job jobs[JOBS_MANY + 1];
    unsigned job_count, class_count, tenant_count, tier_count;
    uint32_t age_grants;
    int64_t now, tick, fence;
};
/* What was told of a job before a round. */
struct told {
    unsigned codes;
    const struct agent *one; /* that was asked about by its name */
    unsigned of_one;         /* what was told of that */
};

static uint64_t state;
static unsigned codes, leases, kept_leases, overflow_leases;

/* xorshift: the same on every machine. */
static unsigned below (unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}

static bool one_in (unsigned n)
{
    return below (n) == 0;
}

static unsigned bit (enum ym_blocker code)
{
    return 1u << code;
}

static struct moment moment_of (const struct yard *y)
{
    return (struct moment){.tick = y->tick,
                           .lease_ticks = LEASE_TICKS,
                           .now_ms = y->now,
                           .run_expected_ms = 60000,
                           .age_grants = y->age_grants};
}

/* A yard. */

static struct ym_words some_words (const char *letters, unsigned odds)
{
    struct ym_words w = {0};

    for (; *letters; letters++)
        if (one_in (odds))
            cr_assert (ym_words_add (&w, (struct ym_str){letters, 1}));
    return w;
}

static const char *some_pool (void)
{
    static const char *const pools[] = {"shared", "shared",       "shared",
                                        "own",    "dedicated:t1", "dedicated:t2"};

    return pools[below (sizeof pools / sizeof pools[0])];
}

static void change_agent (struct yard *y, struct agent *a)
{
    struct ym_words capabilities = some_words ("xy", 2);

    if (!a->fitted || one_in (8))
        roster_describe_agent (&y->roster, a, one_in (3) ? "b" : "a", some_pool (),
                               &capabilities);
    a->state = one_in (8) ? YM_AGENT_LOST : YM_AGENT_CONNECTED;
    a->state_at = y->now;
    a->reachable = !one_in (12);
    a->moving = one_in (12);
    a->slots = below (y->job_count > JOBS ? 40 : 4);
    a->draining = one_in (8);
    a->window_ms = one_in (5) ? y->now + below (200000) : DECIDE_NO_WINDOW;
    a->heard_tick = y->tick - below (LEASE_TICKS * 2 / 3);
}

static void set_policy (struct yard *y)
{
    for (uint32_t id = 1; id <= y->tenant_count; id++) {
        struct tenant *t = roster_tenant (&y->roster, id);
        (void)ym_text_format (t->name, sizeof t->name, "t%u", id);
        t->running_max = one_in (3) ? 1 + below (6) : 0;
        t->overflow = one_in (2);
    }
    for (unsigned tier = 0; tier < y->tier_count; tier++) {
        y->roster.stopped[tier] = one_in (8);
        waiting_reset_weights (y->queues[tier]);
        waiting_set_weight (y->queues[tier], 1 + below (y->tenant_count), 1 + below (9));
    }
}

static void begin_yard (struct yard *y, bool has_many)
{
    memset (y, 0, sizeof *y);
    y->now = 1000000;
    y->tick = 100;
    y->job_count = has_many ? JOBS_MANY : JOBS;
    y->class_count = has_many ? 1 : CLASSES;
    y->tenant_count = has_many ? 1 + below (2) : TENANTS;
    y->tier_count = has_many ? 1 : YM_COUNT_tier;
    y->age_grants = one_in (2) ? AGE_GRANTS : 0;
    for (unsigned tier = 0; tier < y->tier_count; tier++) {
        y->queues[tier] = waiting_new ();
        y->fresh[tier] = true;
    }
    for (unsigned i = 0; i < AGENTS; i++) {
        char name[] = {'a', (char)('0' + i), '\0'};
        change_agent (y, roster_add_agent (&y->roster, 100 + i, name));
    }
    for (unsigned c = 0; c < y->class_count; c++) {
        struct ym_requirement *need = &y->needs[c];
        need->regions = some_words ("ab", 4);
        need->capabilities = some_words ("xy", 4);
        need->run_minutes = one_in (3) ? 1 + below (3) : 0;
        (void)ym_text_copy (need->pool, sizeof need->pool, has_many ? "shared" : some_pool ());
        roster_know_class (&y->roster, roster_class (&y->roster, 1000 + c), need);
    }
    set_policy (y);
}

static void end_yard (struct yard *y)
{
    roster_done (&y->roster);
    for (unsigned tier = 0; tier < y->tier_count; tier++)
        waiting_free (y->queues[tier]);
}

/* A class whose pool is a tenant's own holds only that tenant's jobs. */
static uint32_t some_tenant (const struct yard *y, unsigned class)
{
    const char *owner = decide_pool_tenant (y->needs[class].pool);

    return owner ? (uint32_t)(owner[1] - '0') : 1 + below (y->tenant_count);
}

/* What happens. */

static void some_facts (struct yard *y, struct waiting_job *is)
{
    is->urgency = one_in (10) ? 0 : one_in (4) ? 1 + below (31) : 16;
    is->hold = one_in (10) ? 1 + below (YM_COUNT_hold - 1) : YM_NOT_HELD;
    is->unmet = one_in (10) ? 1 + below (3) : 0;
    is->not_before_ms = one_in (8) ? y->now + below (20000) : 0;
    is->wait_until_ms = one_in (8) ? y->now + 1000000 : 0;
}

static void put (struct yard *y, const struct job *j)
{
    waiting_put (y->queues[j->tier], &j->is, y->now);
}

static void job_comes (struct yard *y, int64_t id)
{
    struct job *j = &y->jobs[id];
    unsigned class = below (y->class_count);

    *j = (struct job){
        IS_WAITING,
        below (y->tier_count),
        {.job = id, .tenant = some_tenant (y, class), .requirement = 1000 + class}};
    some_facts (y, &j->is);
    put (y, j);
}

/* However an attempt ends: with a job that is over, that waits again, or that is suspended. */
static void attempt_ends (struct yard *y, int64_t id)
{
    struct job *j = &y->jobs[id];
    struct attempt *t = roster_attempt (&y->roster, id);
    bool gave_way = t->wish == YM_SUSPEND;

    roster_remove_attempt (&y->roster, t);
    if (gave_way || one_in (3)) {
        j->place = IS_WAITING;
        j->is.came_back = gave_way;
        put (y, j);
    }
    else
        j->place = one_in (3) ? IS_SUSPENDED : IS_NOWHERE;
}

static void job_changes (struct yard *y, int64_t id)
{
    struct job *j = &y->jobs[id];

    switch (j->place) {
    case IS_NOWHERE:
        job_comes (y, id);
        break;
    case IS_WAITING:
        if (one_in (4)) { /* terminated, suspended, or of another tier from now on */
            (void)waiting_remove (y->queues[j->tier], id);
            j->place = one_in (2) ? IS_SUSPENDED : IS_NOWHERE;
            if (one_in (2))
                job_comes (y, id);
            break;
        }
        some_facts (y, &j->is);
        put (y, j);
        break;
    case IS_RUNNING:
        attempt_ends (y, id);
        break;
    case IS_SUSPENDED:
        if (!one_in (3))
            break;
        j->place = IS_WAITING;
        put (y, j);
    }
}

static void time_passes (struct yard *y)
{
    y->now += below (5000);
    y->tick++;
    for (size_t i = 0; i < y->roster.agent_count; i++)
        if (one_in (3))
            change_agent (y, y->roster.agents[i]);
        else
            y->roster.agents[i]->heard_tick = y->tick;
    if (one_in (3))
        set_policy (y);
    for (unsigned n = below (y->job_count > JOBS ? 2 * y->job_count : 30); n > 0; n--)
        job_changes (y, 1 + below (y->job_count));
}

/* What a queue tells assignment: what was withdrawn first, then what is on offer. */

static void tell_withdrawn (struct yard *y, uint32_t tier)
{
    int64_t ids[64];
    struct offer taken;
    size_t count;

    while ((count = waiting_withdrawn (y->queues[tier], ids, 64)) > 0)
        for (size_t i = 0; i < count && !y->fresh[tier]; i++) {
            const struct offer *o = roster_offer (&y->roster, ids[i]);
            if (o && o->tier == tier)
                (void)roster_take_offer (&y->roster, ids[i], &taken);
        }
}

static void tell_offers (struct yard *y, uint32_t tier)
{
    struct waiting_offer jobs[64];
    size_t count;

    waiting_begin_due (y->queues[tier], y->now);
    do {
        count = y->stopped[tier] ? 0 : waiting_offer (y->queues[tier], jobs, 64);
        tell_withdrawn (y, tier);
        if (y->fresh[tier])
            roster_drop_offers (&y->roster, tier);
        y->fresh[tier] = false;
        for (size_t i = 0; i < count; i++)
            (void)roster_add_offer (&y->roster, tier,
                                    &(struct ym_offered){.job = jobs[i].job,
                                                         .tenant = jobs[i].tenant,
                                                         .requirement = jobs[i].requirement,
                                                         .rank = jobs[i].rank,
                                                         .preempted = jobs[i].came_back});
    } while (count == 64);
}

/* The queue hears of its gate later than assignment, and begins anew with it. */
static void queues_speak (struct yard *y)
{
    for (uint32_t tier = 0; tier < y->tier_count; tier++) {
        if (y->stopped[tier] != y->roster.stopped[tier] && one_in (2)) {
            y->stopped[tier] = y->roster.stopped[tier];
            waiting_withdraw (y->queues[tier]);
            y->fresh[tier] = true;
        }
        tell_offers (y, tier);
    }
}

/* The question, through both. */

static size_t ask_queue (const struct yard *y, struct ym_explain_ask *m,
                         struct ym_blocker_row rows[QUEUE_BLOCKERS_MAX])
{
    const struct waiting *w = y->queues[m->tier];
    struct waiting_ahead ahead = waiting_ahead (w, m->job);
    struct explain_wait_facts f = {.ask = m,
                                   .offered = waiting_is_offered (w, m->job),
                                   .stopped = y->stopped[m->tier],
                                   .stop_reason = "",
                                   .now_ms = y->now,
                                   .tier = m->tier,
                                   .before_own = ahead.own,
                                   .before_others = ahead.others};

    f.is_here = waiting_facts (w, m->job, &f.waits);
    m->waiting = f.is_here;
    m->ahead = ahead.own + ahead.others;
    return decide_explain_wait (&f, rows);
}

static unsigned set_of (const struct ym_blocker_row *rows, size_t count)
{
    unsigned set = 0;

    for (size_t i = 0; i < count; i++) {
        cr_assert (rows[i].subject[0] && rows[i].wanted[0] && rows[i].have[0] &&
                   rows[i].lifted_by[0]);
        set |= bit (rows[i].code);
    }
    return set;
}

/* Codes of all blockers; of those between the job and that agent, if one is named. */
static unsigned explain (struct yard *y, int64_t id, const char *agent)
{
    const struct job *j = &y->jobs[id];
    struct ym_blocker_row rows[QUEUE_BLOCKERS_MAX], more[EXPLAIN_MAX];
    struct moment now = moment_of (y);
    struct ym_explain_ask m = {.job = id,
                               .tier = j->tier,
                               .tenant = j->is.tenant,
                               .requirement = j->is.requirement,
                               .state =
                                   j->place == IS_SUSPENDED ? YM_JOB_SUSPENDED : YM_JOB_QUEUED,
                               .suspender = YM_OWNER};
    unsigned set = set_of (rows, ask_queue (y, &m, rows));

    if (!m.waiting && set != 0)
        return set;
    struct explain_question q = {.job = id,
                                 .tenant = j->is.tenant,
                                 .tier = j->tier,
                                 .agent = agent,
                                 .waiting = m.waiting,
                                 .ahead = m.ahead,
                                 .has_blockers = set != 0,
                                 .gate_is_told = (set & bit (YM_GATE)) != 0};
    size_t count = roster_explain (&y->roster, &now,
                                   roster_class (&y->roster, j->is.requirement), &q, more);
    return set | set_of (more, count);
}

/* What the job's own row and its policy say is told, and nothing of it that is not so. */
static void check_own (const struct yard *y, int64_t id, unsigned set)
{
    const struct job *j = &y->jobs[id];
    const struct tenant *t = roster_tenant ((struct roster *)&y->roster, j->is.tenant);

    cr_assert_eq (!!(set & bit (YM_ON_HOLD)), j->is.hold != YM_NOT_HELD);
    cr_assert_eq (!!(set & bit (YM_URGENCY)), j->is.urgency == 0);
    cr_assert_eq (!!(set & bit (YM_DEPENDENCY)), j->is.unmet > 0);
    cr_assert_eq (!!(set & bit (YM_NOT_BEFORE)), j->is.not_before_ms > y->now);
    cr_assert_eq (!!(set & bit (YM_GATE)), y->stopped[j->tier] || y->roster.stopped[j->tier]);
    cr_assert_eq (!!(set & bit (YM_RUNNING_CAP)), roster_room (t) == 0);
}

static struct told explain_job (struct yard *y, int64_t id)
{
    const struct job *j = &y->jobs[id];
    struct told told = {.codes = explain (y, id, ""), .one = y->roster.agents[below (AGENTS)]};

    codes |= told.codes;
    if (j->place == IS_SUSPENDED || j->place == IS_RUNNING) {
        cr_assert_eq (told.codes,
                      bit (j->place == IS_RUNNING ? YM_NOT_WAITING : YM_SUSPENSION));
        told.of_one = told.codes;
        return told;
    }
    check_own (y, id, told.codes);
    told.of_one = explain (y, id, told.one->name);
    codes |= told.of_one;
    return told;
}

/* A round, and whether all was true. */

static void check_told (const struct yard *y, int64_t id, const struct told *told,
                        const struct agent *got)
{
    cr_assert_eq (got != NULL, told->codes == 0, "job %ld is%s leased, and told was %x",
                  (long)id, got ? "" : " not", told->codes);
    cr_assert_eq (got == told->one, told->of_one == 0, "job %ld went to %s, of %s was told %x",
                  (long)id, got ? got->name : "nobody", told->one->name, told->of_one);
    cr_assert (!got || y->jobs[id].place == IS_WAITING);
}

static void carry_out (struct yard *y, const struct round_lease *l)
{
    struct job *j = &y->jobs[l->job];
    struct offer taken;

    cr_assert (roster_take_offer (&y->roster, l->job, &taken));
    cr_assert (waiting_take (y->queues[j->tier], l->job));
    struct attempt *t = roster_add_attempt (&y->roster, y->roster.agents[l->agent], j->tier,
                                            j->is.tenant, l->job, ++y->fence);
    t->requirement = j->is.requirement;
    t->state = YM_JOB_STARTED;
    t->started_at = y->now;
    j->place = IS_RUNNING;
    j->is.came_back = false;
    leases++;
    kept_leases += l->kept;
    overflow_leases += l->overflow;
}

static void one_round (struct yard *y)
{
    static struct told told[JOBS_MANY + 1];
    static const struct agent *got[JOBS_MANY + 1];
    struct round_lease round[ROUND_ROOM];
    struct moment now = moment_of (y);

    memset (got, 0, sizeof got);
    for (int64_t id = 1; id <= y->job_count; id++)
        if (y->jobs[id].place != IS_NOWHERE)
            told[id] = explain_job (y, id);
    size_t count = roster_round (&y->roster, &now, round, ROUND_ROOM);
    for (size_t i = 0; i < count; i++)
        got[round[i].job] = y->roster.agents[round[i].agent];
    for (int64_t id = 1; id <= y->job_count; id++)
        if (y->jobs[id].place != IS_NOWHERE)
            check_told (y, id, &told[id], got[id]);
    for (size_t i = 0; i < count; i++)
        carry_out (y, &round[i]);
}

/* Victims are asked; many go at once, so that slots are kept. */
static void preempt (struct yard *y)
{
    struct preempt_pair pairs[JOBS];
    struct preempt_rules rules = {.now_ms = y->now, .exempt_ms = 0, .grace_ms = 9, .most = 9};
    struct moment now = moment_of (y);
    size_t count = roster_victims (&y->roster, &now, &rules, pairs, JOBS);

    for (size_t i = 0; i < count; i++) {
        struct attempt *t = roster_attempt (&y->roster, pairs[i].victim);
        t->wish = YM_SUSPEND;
        t->suspender = YM_PREEMPTION;
        t->wanted_at = y->now;
        t->beneficiary = pairs[i].beneficiary;
    }
    for (size_t i = 0; i < count; i++)
        if (!one_in (4))
            attempt_ends (y, pairs[i].victim);
}

static void play (bool has_many)
{
    static struct yard y;

    begin_yard (&y, has_many);
    for (unsigned i = 0; i < y.job_count; i++)
        job_changes (&y, 1 + i);
    for (unsigned round = 0; round < ROUNDS; round++) {
        queues_speak (&y);
        one_round (&y);
        if (one_in (2)) {
            queues_speak (&y);
            preempt (&y);
        }
        time_passes (&y);
    }
    end_yard (&y);
}

Test (explained, random_yards)
{
    const char *text = getenv ("YM_TEST_SEED");
    uint64_t seed = text ? strtoull (text, NULL, 10) : (uint64_t)time (NULL);

    (void)fprintf (stderr, "YM_TEST_SEED=%llu\n", (unsigned long long)seed);
    state = seed * 2654435761u + 88172645463325252u;
    for (unsigned i = 0; i < YARDS; i++)
        play (i % MANY_EVERY == 0);
    for (unsigned code = 0; code < YM_COUNT_blocker; code++)
        cr_expect (codes >> code & 1, "%s was never told",
                   ym_enum_word (YM_ENUM_BLOCKER, code));
    cr_expect_gt (leases, YARDS * 10, "%u leases", leases);
    cr_expect_gt (kept_leases, YARDS / 10, "%u of slots that were kept", kept_leases);
    cr_expect_gt (overflow_leases, YARDS / 10, "%u by overflow", overflow_leases);
}
