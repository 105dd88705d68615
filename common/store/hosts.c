/* hosts.c - a conninfo with several hosts, one attempt at one host.
 *
 * libpq would walk the list by itself, but an attempt at a frozen host never ends there; so
 * each attempt gets one host and a deadline, and the list is walked here. All else in the
 * conninfo, target_session_attrs too, is left to libpq.
 */
#include "common/store/inside.h"

#include <string.h>

enum { PAIRS_MAX = 64, HOST_MAX = 256 };

struct pairs {
    const char *keywords[PAIRS_MAX + 1], *values[PAIRS_MAX + 1];
    unsigned count;
};

static bool is_list (const char *keyword)
{
    return strcmp (keyword, "host") == 0 || strcmp (keyword, "hostaddr") == 0 ||
           strcmp (keyword, "port") == 0;
}

static unsigned list_count (const char *list)
{
    unsigned count = 1;

    for (; *list; list++)
        count += *list == ',';
    return count;
}

/* A list shorter than 'place' repeats its last element, as one port serves for all hosts. */
static void list_element (const char *list, unsigned place, char to[HOST_MAX])
{
    const char *next;

    while (place-- > 0 && (next = strchr (list, ',')))
        list = next + 1;
    (void)ym_text_format (to, HOST_MAX, "%.*s", (int)strcspn (list, ","), list);
}

void ym_store_target_init (struct ym_store *s)
{
    char *why = NULL;

    s->target = PQconninfoParse (s->options.conninfo, &why);
    s->hosts = 1;
    if (!s->target) {
        ym_store_note_why (s, why ? why : "the connection string cannot be read");
        PQfreemem (why);
        return;
    }
    for (const PQconninfoOption *o = s->target; o->keyword; o++)
        if (o->val && strcmp (o->keyword, "port") != 0 && is_list (o->keyword) &&
            list_count (o->val) > s->hosts)
            s->hosts = list_count (o->val);
}

void ym_store_target_done (struct ym_store *s)
{
    PQconninfoFree (s->target);
    s->target = NULL;
}

static void add (struct pairs *p, const char *keyword, const char *value)
{
    ym_assert (p->count < PAIRS_MAX);
    p->keywords[p->count] = keyword;
    p->values[p->count++] = value;
}

/* The later of two pairs with the same keyword wins, so ours come last. */
PGconn *ym_store_target_connect (struct ym_store *s)
{
    struct pairs p = {.count = 0};
    char element[3][HOST_MAX];
    unsigned elements = 0;

    if (!s->target)
        return NULL;
    for (const PQconninfoOption *o = s->target; o->keyword; o++) {
        if (!o->val)
            continue;
        if (is_list (o->keyword)) {
            list_element (o->val, s->host, element[elements]);
            add (&p, o->keyword, element[elements++]);
        }
        else {
            add (&p, o->keyword, o->val);
        }
    }
    if (s->options.user)
        add (&p, "user", s->options.user);
    if (s->options.application)
        add (&p, "application_name", s->options.application);
    add (&p, "client_encoding", "UTF8");
    return PQconnectStartParams (p.keywords, p.values, 0);
}
