/* shapes.c - which members each kind of row has, and how they are called. */
#include "client/yardctl/show.h"

#define FIELDS(list) list, sizeof list / sizeof *list

#define AT(member) offsetof (yard_job, member)
static const struct ctl_field job[] = {
    {"job", NULL, CTL_TEXT, AT (job), 0},
    {"name", NULL, CTL_TEXT, AT (name), 0},
    {"tenant", NULL, CTL_TEXT, AT (tenant), 0},
    {"kind", NULL, CTL_TEXT, AT (kind), 0},
    {"tier", NULL, CTL_TEXT, AT (tier), 0},
    {"state", NULL, CTL_STATE, AT (state), 0},
    {"final", NULL, CTL_BOOL, AT (final), 0},
    {"why", NULL, CTL_TEXT, AT (why), 0},
    {"result", NULL, CTL_TEXT, AT (result), 0},
    {"wanted", NULL, CTL_TEXT, AT (wanted), 0, "nothing"},
    {"done", NULL, CTL_NUMBER, AT (done), 0},
    {"total", NULL, CTL_NUMBER, AT (total), 0},
    {"checkpoint", NULL, CTL_NUMBER, AT (checkpoint), 0},
    {"agent", NULL, CTL_TEXT, AT (agent), 0},
    {"region", NULL, CTL_TEXT, AT (region), 0},
    {"attempt", NULL, CTL_NUMBER, AT (attempt), 0},
    {"fence", NULL, CTL_NUMBER, AT (fence), 0},
    {"seq", NULL, CTL_NUMBER, AT (seq), 0},
    {"submitted_at", NULL, CTL_TIME, AT (submitted_at_ms), 0},
    {"state_at", NULL, CTL_TIME, AT (state_at_ms), 0},
    {"source", NULL, CTL_TEXT, AT (source), 0},
    {"target", NULL, CTL_TEXT, AT (target), 0},
    {"urgency", NULL, CTL_NUMBER, AT (urgency), 0, "16"},
    {"hold", NULL, CTL_TEXT, AT (hold), 0, "not_held"},
    {"suspender", NULL, CTL_TEXT, AT (suspender), 0, "nobody"},
    {"not_before", NULL, CTL_MOMENT, AT (not_before_ms), 0},
    {"run_limit_ms", NULL, CTL_SPAN, AT (run_limit_ms), 0},
    {"unmet", NULL, CTL_NUMBER, AT (unmet), 0, "0"},
    {"retries", NULL, CTL_NUMBER, AT (retries), 0, "0"},
    {"preempted", NULL, CTL_NUMBER, AT (preempted), 0, "0"},
    {"resources", NULL, CTL_NUMBER, AT (resources), 0, "0"},
    {"needs", NULL, CTL_NEEDS, AT (needs), 0},
};
const struct ctl_shape ctl_job_shape = {"jobs", "before", AT (job), FIELDS (job)};
#undef AT

#define AT(member) offsetof (yard_job_row, member)
static const struct ctl_field job_row[] = {
    {"job", "ID", CTL_JOB_NAME, AT (job), 0},
    {"state", "STATE", CTL_STATE, AT (state), 0},
    {"tier", "TIER", CTL_TEXT, AT (tier), 0},
    {"region", "REGION", CTL_TEXT, AT (region), 0.1},
    {"agent", "AGENT", CTL_TEXT, AT (agent), 0.15},
    {NULL, "PROGRESS", CTL_PROGRESS, AT (done), 0},
    {"name", "NAME", CTL_TEXT, AT (name), 0.3},
    {"submitted_at", "AGE", CTL_TIME, AT (submitted_at_ms), 0},
    {"tenant", NULL, CTL_TEXT, AT (tenant), 0},
    {"final", NULL, CTL_BOOL, AT (final), 0},
    {"attempt", NULL, CTL_NUMBER, AT (attempt), 0},
    {"done", NULL, CTL_NUMBER, AT (done), 0},
    {"total", NULL, CTL_NUMBER, AT (total), 0},
};
const struct ctl_shape ctl_job_row_shape = {"jobs", "before", AT (job), FIELDS (job_row)};
_Static_assert(AT (total) == AT (done) + sizeof (uint64_t), "CTL_PROGRESS reads both");
#undef AT

#define AT(member) offsetof (yard_event, member)
static const struct ctl_field event[] = {
    {"job", NULL, CTL_TEXT, AT (job), 0},       {"seq", NULL, CTL_NUMBER, AT (seq), 0},
    {"state", NULL, CTL_STATE, AT (state), 0},  {"final", NULL, CTL_BOOL, AT (final), 0},
    {"at", NULL, CTL_TIME, AT (at_ms), 0},      {"attempt", NULL, CTL_NUMBER, AT (attempt), 0},
    {"fence", NULL, CTL_NUMBER, AT (fence), 0}, {"agent", NULL, CTL_TEXT, AT (agent), 0},
    {"why", NULL, CTL_TEXT, AT (why), 0},       {"detail", NULL, CTL_TEXT, AT (detail), 0},
};
const struct ctl_shape ctl_event_shape = {"events", NULL, AT (job), FIELDS (event)};

static const struct ctl_field progress[] = {
    {"job", NULL, CTL_TEXT, AT (job), 0},
    {"fence", NULL, CTL_NUMBER, AT (fence), 0},
    {"done", NULL, CTL_NUMBER, AT (done), 0},
    {"total", NULL, CTL_NUMBER, AT (total), 0},
};
const struct ctl_shape ctl_progress_shape = {"events", NULL, AT (job), FIELDS (progress)};

static const struct ctl_field feed[] = {
    {"job", NULL, CTL_TEXT, AT (job), 0},       {"tenant", NULL, CTL_TEXT, AT (tenant), 0},
    {"name", NULL, CTL_TEXT, AT (name), 0},     {"tier", NULL, CTL_TEXT, AT (tier), 0},
    {"seq", NULL, CTL_NUMBER, AT (seq), 0},     {"state", NULL, CTL_STATE, AT (state), 0},
    {"final", NULL, CTL_BOOL, AT (final), 0},   {"at", NULL, CTL_TIME, AT (at_ms), 0},
    {"agent", NULL, CTL_TEXT, AT (agent), 0},   {"why", NULL, CTL_TEXT, AT (why), 0},
    {"detail", NULL, CTL_TEXT, AT (detail), 0},
};
const struct ctl_shape ctl_feed_shape = {"events", NULL, AT (job), FIELDS (feed)};
#undef AT

#define AT(member) offsetof (yard_event_row, member)
static const struct ctl_field history[] = {
    {"seq", "EVENT", CTL_NUMBER, AT (seq), 0},
    {"at", "WHEN", CTL_MOMENT, AT (at_ms), 0},
    {"state", "STATE", CTL_STATE, AT (state), 0},
    {"attempt", "ATTEMPT", CTL_NUMBER, AT (attempt), 0},
    {"fence", NULL, CTL_NUMBER, AT (fence), 0},
    {"agent", "AGENT", CTL_TEXT, AT (agent), 0},
    {"who", "WHO", CTL_TEXT, AT (who), 0},
    {"why", "WHY", CTL_TEXT, AT (why), 0},
    {"detail", "DETAIL", CTL_TEXT, AT (detail), 0},
};
const struct ctl_shape ctl_history_shape = {"events", "after", AT (seq), FIELDS (history),
                                            .id_is_number = true};
#undef AT

#define AT(member) offsetof (yard_tenant, member)
static const struct ctl_field tenant[] = {
    {"name", "TENANT", CTL_TEXT, AT (name), 0},
    {"weight", "WEIGHT", CTL_NUMBER, AT (weight), 0},
    {"waiting_max", "WAITING MAX", CTL_NUMBER, AT (waiting_max), 0},
    {"running_max", "RUNNING MAX", CTL_NUMBER, AT (running_max), 0},
    {"overflow", "OVERFLOW", CTL_BOOL, AT (overflow), 0},
    {"version", "VERSION", CTL_NUMBER, AT (version), 0},
};
const struct ctl_shape ctl_tenant_shape = {"tenants", "after", AT (name), FIELDS (tenant)};
#undef AT

#define AT(member) offsetof (yard_window, member)
static const struct ctl_field window[] = {
    {"window", "WINDOW", CTL_NUMBER, AT (window), 0},
    {"begins", "BEGINS", CTL_MOMENT, AT (begins_ms), 0},
    {"ends", "ENDS", CTL_MOMENT, AT (ends_ms), 0},
    {"scope", "SCOPE", CTL_TEXT, AT (scope), 0},
    {"subject", "SUBJECT", CTL_TEXT, AT (subject), 0},
    {"reason", "REASON", CTL_TEXT, AT (reason), 0.2},
    {"version", NULL, CTL_NUMBER, AT (version), 0},
};
const struct ctl_shape ctl_window_shape = {"windows", "after", AT (window), FIELDS (window),
                                           .id_is_number = true};
#undef AT

#define AT(member) offsetof (yard_problem, member)
static const struct ctl_field problem[] = {
    {"problem", "PROBLEM", CTL_NUMBER, AT (problem), 0},
    {"kind", "KIND", CTL_TEXT, AT (kind), 0},
    {"since", "SINCE", CTL_TIME, AT (since_ms), 0},
    {"closed_at", "OVER", CTL_TIME, AT (closed_at_ms), 0},
    {"job", "JOB", CTL_TEXT, AT (job), 0},
    {"agent", "AGENT", CTL_TEXT, AT (agent), 0},
    {"detail", "DETAIL", CTL_TEXT, AT (detail), 0.3},
};
const struct ctl_shape ctl_problem_shape = {"problems", "before", AT (problem),
                                            FIELDS (problem), .id_is_number = true};
#undef AT

#define AT(member) offsetof (struct ctl_top_tier, member)
static const struct ctl_field top_tier[] = {
    {"tier", "TIER", CTL_TEXT, AT (tier), 0},
    {"waiting", "WAITING", CTL_NUMBER, AT (waiting), 0},
    {"idle", "IDLE", CTL_NUMBER, AT (idle), 0},
    {"oldest_ms", "OLDEST", CTL_SPAN, AT (oldest_ms), 0},
    {"running", "RUNNING", CTL_NUMBER, AT (running), 0},
    {"suspending", "SUSPENDING", CTL_NUMBER, AT (suspending), 0},
    {"stopped", "STOPPED", CTL_TEXT, AT (stopped), 0},
};
const struct ctl_shape ctl_top_tier_shape = {"queues", NULL, AT (tier), FIELDS (top_tier)};
#undef AT

#define AT(member) offsetof (yard_blocker, member)
static const struct ctl_field blocker[] = {
    {"code", "BLOCKER", CTL_TEXT, AT (code), 0},
    {"subject", "SUBJECT", CTL_TEXT, AT (subject), 0},
    {"wanted", "WANTED", CTL_TEXT, AT (wanted), 0.2},
    {"have", "HAVE", CTL_TEXT, AT (have), 0.2},
    {"since", "SINCE", CTL_TIME, AT (since_ms), 0},
    {"lifted_by", "LIFTED BY", CTL_TEXT, AT (lifted_by), 0},
};
const struct ctl_shape ctl_blocker_shape = {"blockers", NULL, AT (code), FIELDS (blocker)};
#undef AT

#define AT(member) offsetof (yard_agent_row, member)
static const struct ctl_field agent[] = {
    {"name", "NAME", CTL_TEXT, AT (name), 0},
    {"state", "STATE", CTL_STATE, AT (state), 0},
    {"region", "REGION", CTL_TEXT, AT (region), 0},
    {"pool", "POOL", CTL_TEXT, AT (pool), 0},
    {"used", "USED", CTL_NUMBER, AT (used), 0},
    {"slots", "SLOTS", CTL_NUMBER, AT (slots), 0},
    {"seen_at", "SEEN", CTL_TIME, AT (seen_at_ms), 0},
    {"session", NULL, CTL_NUMBER, AT (session), 0},
    {"draining", "DRAINS", CTL_BOOL, AT (draining), 0},
    {"drain_by", NULL, CTL_MOMENT, AT (drain_by_ms), 0},
    {"drain_reason", NULL, CTL_TEXT, AT (drain_reason), 0},
    {"capabilities", "CAPABILITIES", CTL_WORDS, AT (capabilities), 0.3},
};
const struct ctl_shape ctl_agent_shape = {"agents", "after", AT (name), FIELDS (agent)};
#undef AT

#define AT(member) offsetof (yard_queue, member)
static const struct ctl_field queue[] = {
    {"tier", "TIER", CTL_TEXT, AT (tier), 0},
    {"waiting", "WAITING", CTL_NUMBER, AT (waiting), 0},
    {"offered", "OFFERED", CTL_NUMBER, AT (offered), 0},
    {"classes", "CLASSES", CTL_NUMBER, AT (classes), 0},
    {"oldest_ms", "OLDEST", CTL_SPAN, AT (oldest_ms), 0},
    {"idle", "IDLE", CTL_NUMBER, AT (idle), 0},
    {"stopped", "STOPPED", CTL_BOOL, AT (stopped), 0},
    {"reason", "REASON", CTL_TEXT, AT (reason), 0.2},
};
const struct ctl_shape ctl_queue_shape = {"queues", NULL, AT (tier), FIELDS (queue)};
#undef AT

#define AT(member) offsetof (yard_key, member)
static const struct ctl_field key[] = {
    {"public_key", "PUBLIC KEY", CTL_TEXT, AT (public_key), 0},
    {"role", "ROLE", CTL_TEXT, AT (role), 0},
    {"tenant", "TENANT", CTL_TEXT, AT (tenant), 0},
    {"name", "NAME", CTL_TEXT, AT (name), 0},
    {"since", "AGE", CTL_TIME, AT (since_ms), 0},
    {"revoked_at", "REVOKED", CTL_TIME, AT (revoked_at_ms), 0},
};
const struct ctl_shape ctl_key_shape = {"keys", "after", AT (public_key), FIELDS (key)};
#undef AT

#define AT(member) offsetof (yard_actor, member)
static const struct ctl_field actor[] = {
    {"name", "ACTOR", CTL_TEXT, AT (name), 0},
    {"heard", "HEARD", CTL_BOOL, AT (heard), 0},
    {"incarnation", "INCARNATION", CTL_NUMBER, AT (incarnation), 0},
};
const struct ctl_shape ctl_actor_shape = {"actors", NULL, AT (name), FIELDS (actor)};
#undef AT
