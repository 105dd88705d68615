/* act.c - changes: planned, asked about, carried out, and told.
 *
 * What stops work asks first, with its plan before the eyes of who is asked, and is then done
 * to the very version that was shown. Where there is no terminal, what cannot be taken back
 * needs --yes, and the rest is done.
 */
#include "client/yardctl/act.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/names.h"
#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"

static json_t *outcome_json (const struct ctl_change *change, const yard_outcome *o)
{
    json_t *effects = json_array ();
    json_t *object = json_pack ("{s:s, s:b, s:I}", change->kind, change->subject, "planned",
                                o->planned, "version", (json_int_t)o->version);

    for (size_t i = 0; i < o->count; i++)
        (void)json_array_append_new (effects, json_string (o->effects[i]));
    if (*o->state) {
        (void)json_object_set_new (object, "state", json_string (o->state));
        (void)json_object_set_new (object, "final", json_boolean (o->final));
    }
    if (o->made)
        (void)json_object_set_new (object, "made", json_integer ((json_int_t)o->made));
    (void)json_object_set_new (object, "effects", effects);
    return object;
}

static void print_effects (FILE *to, const yard_outcome *o, const char *first,
                           const char *others)
{
    for (size_t i = 0; i < o->count; i++) {
        _free_ char *text = ctl_clean (o->effects[i]);
        (void)fprintf (to, "%s%s\n", i ? others : first, text);
    }
}

static void print_plan (FILE *to, const struct ctl_change *change, const yard_outcome *o)
{
    (void)fprintf (to, "%s, version %llu\n", change->subject, (unsigned long long)o->version);
    print_effects (to, o, "would: ", "       ");
}

static void show_done (const struct ctl *c, const struct ctl_change *change,
                       const yard_outcome *o)
{
    size_t size = strlen (change->subject);

    /* "eu-a1 is given no new work" needs no "eu-a1: " before it. */
    if (!o->made && !*o->state && o->count > 0 &&
        strncmp (o->effects[0], change->subject, size) == 0) {
        print_effects (stdout, o, "", "  ");
        return;
    }
    (void)fputs (change->subject, stdout);
    if (o->made)
        (void)printf (" %llu", (unsigned long long)o->made);
    if (*o->state)
        (void)printf (" %s%s%s", ctl_color_begin (c, o->state), o->state,
                      ctl_color_end (c, o->state));
    if (o->count == 0)
        (void)putchar ('\n');
    print_effects (stdout, o, ": ", "  ");
}

static void show_outcome (const struct ctl *c, const struct ctl_change *change,
                          const yard_outcome *o)
{
    if (c->form == CTL_NAME)
        (void)puts (change->subject);
    else if (c->form != CTL_TABLE)
        ctl_json_print (c, outcome_json (change, o));
    else if (!o->planned)
        show_done (c, change, o);
    else {
        print_plan (stdout, change, o);
        if (c->command->takes & CTL_VERSION)
            (void)printf ("run with --if-version %llu to do it\n",
                          (unsigned long long)o->version);
    }
}

static int say_wrong (const struct ctl *c, const struct ctl_change *change, const char *made,
                      yard_err_t *take_err)
{
    bool stale = strcmp (yard_err_slug (take_err), "stale_version") == 0;
    int exit = ctl_wrong_open (c, change->subject, made, take_err);

    if (stale)
        ctl_hint (c, "nothing was changed; look again with --plan");
    return exit;
}

static int plan (struct ctl *c, const struct ctl_change *change, yard_outcome **ret)
{
    yard_how how = {.size = sizeof how, .reason = c->o.reason, .plan = true};
    yard_err_t *err = NULL;

    how.versioned = c->o.if_version.given;
    how.version = (uint64_t)c->o.if_version.value;
    if (change->ask (c, change, &how, ret, &err) != YARD_OK)
        return say_wrong (c, change, NULL, err);
    return CTL_DONE;
}

static int carry_out (struct ctl *c, const struct ctl_change *change,
                      const yard_outcome *planned)
{
    char made[CTL_KEY_ROOM];
    bool has_made = c->command->takes & CTL_REQUEST && !c->o.request;
    yard_how how = {.size = sizeof how, .reason = c->o.reason, .key = c->o.request};
    _result_ yard_outcome *outcome = NULL;
    yard_err_t *err = NULL;

    if (has_made)
        how.key = ctl_make_key (made);
    if (planned) {
        how.versioned = c->command->takes & CTL_VERSION;
        how.version = planned->version;
    }
    if (c->o.if_version.given) {
        how.versioned = true;
        how.version = (uint64_t)c->o.if_version.value;
    }
    if (change->ask (c, change, &how, &outcome, &err) != YARD_OK)
        return say_wrong (c, change, has_made ? made : NULL, err);
    if (change->show)
        change->show (c, change);
    else
        show_outcome (c, change, outcome);
    return CTL_DONE;
}

static int plan_all (struct ctl *c, const struct ctl_change *changes, size_t count)
{
    int status = CTL_DONE, one;

    for (size_t i = 0; i < count && status != CTL_NO_YARD; i++) {
        _result_ yard_outcome *planned = NULL;
        one = plan (c, &changes[i], &planned);
        if (!one)
            show_outcome (c, &changes[i], planned);
        status = status ? status : one;
    }
    return status;
}

/* Every plan is shown before the one question; what cannot be planned stops all. */
static int ask_first (struct ctl *c, const struct ctl_change *changes, size_t count,
                      yard_outcome **ret)
{
    int wrong = CTL_DONE;

    for (size_t i = 0; i < count && !wrong; i++) {
        wrong = plan (c, &changes[i], &ret[i]);
        if (!wrong)
            print_plan (stderr, &changes[i], ret[i]);
    }
    return wrong ? wrong : ctl_confirm (c, "Do it?");
}

static int do_all (struct ctl *c, const struct ctl_change *changes, size_t count,
                   yard_outcome *const *planned)
{
    int status = CTL_DONE, one;

    for (size_t i = 0; i < count && status != CTL_NO_YARD; i++) {
        one = carry_out (c, &changes[i], planned ? planned[i] : NULL);
        status = status ? status : one;
    }
    return status;
}

int ctl_change (struct ctl *c, const struct ctl_change *changes, size_t count)
{
    bool asks = c->command->takes & (CTL_ASK | CTL_SURE) && !c->o.yes && ctl_may_ask (c);
    _free_ yard_outcome **planned = NULL;
    int status;

    if ((c->o.request || c->o.if_version.given) && count > 1)
        return ctl_wrong (c, CTL_USAGE, "usage", "--key and --if-version are for one of them");
    if (c->o.plan)
        return plan_all (c, changes, count);
    if (!asks && c->command->takes & CTL_SURE && ctl_confirm (c, "Do it?"))
        return CTL_USAGE;
    if (!asks)
        return do_all (c, changes, count, NULL);
    planned = ctl_memory (count * sizeof *planned);
    status = ask_first (c, changes, count, planned);
    if (!status)
        status = do_all (c, changes, count, planned);
    for (size_t i = 0; i < count; i++)
        yard_free (planned[i]);
    return status;
}

/* --- jobs --- */

int ctl_after_read (struct ctl *c, const char *text, char ret_job[YARD_JOB_TEXT],
                    const char **ret_condition)
{
    const char *colon = strchr (text, ':');
    _free_ char *job = colon ? ctl_format ("%.*s", (int)(colon - text), text) : ctl_copy (text);

    if (colon && strcmp (colon, ":any") != 0 && strcmp (colon, ":success") != 0)
        return ctl_wrong (c, CTL_USAGE, "usage",
                          "'%s': behind a job's name may stand :any or :success", text);
    *ret_condition = colon ? colon + 1 : "success";
    return ctl_job_name (c, job, ret_job);
}

static yard_rc ask_job (struct ctl *c, const struct ctl_change *change, const yard_how *how,
                        yard_outcome **ret, yard_err_t **reterr)
{
    return yard_job_act (c->yard, change->subject, c->command->verb, change->with, how, ret,
                         reterr);
}

/* What the verb needs must be there before anything is asked of the yard. */
static int read_change (struct ctl *c, yard_job_change *ret, char on[YARD_JOB_TEXT])
{
    unsigned takes = c->command->takes;

    *ret = (yard_job_change){.size = sizeof *ret, .tier = c->o.tier};
    if (takes & CTL_URGE && (!c->o.urgency.given || c->o.urgency.value > 31))
        return ctl_wrong (c, CTL_USAGE, "usage", "--urgency must be given, from 0 to 31");
    if (takes & CTL_RETIER && !c->o.tier)
        return ctl_wrong (c, CTL_USAGE, "usage", "--tier must be given");
    if (takes & CTL_DEPEND && !c->o.on)
        return ctl_wrong (c, CTL_USAGE, "usage", "--on must be given");
    ret->urgency = (unsigned)c->o.urgency.value;
    if (!(takes & CTL_DEPEND))
        return CTL_DONE;
    ret->on = on;
    return ctl_after_read (c, c->o.on, on, &ret->condition);
}

int ctl_job_act (struct ctl *c)
{
    _names_ struct ctl_names names = {0};
    _free_ struct ctl_change *changes = NULL;
    char on[YARD_JOB_TEXT];
    yard_job_change with;
    int wrong = read_change (c, &with, on);

    if (!wrong)
        wrong = ctl_names_read (c, &names);
    if (wrong)
        return wrong;
    changes = ctl_memory (names.count * sizeof *changes);
    for (size_t i = 0; i < names.count; i++)
        changes[i] = (struct ctl_change){
            .kind = "job", .subject = names.at[i], .ask = ask_job, .with = &with};
    return ctl_change (c, changes, names.count);
}
