/* decide.c - the rules of intake, without input or output. */
#include "actors/intake/decide.h"

#include <string.h>

static bool is_word (const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-:=>";

    return text[0] != '\0' && strlen (text) <= YM_WORD_MAX &&
           text[strspn (text, allowed)] == '\0';
}

static void check_words (const struct ym_job_submit *m, struct ym_faults *f)
{
    if (!is_word (m->kind))
        ym_faults_add (f, "/kind", "text", "must be a word of a-z 0-9 . _ - : = >");
    if ((m->has & YM_HAS (job_submit, pool)) && !is_word (m->pool))
        ym_faults_add (f, "/pool", "text", "must be a word of a-z 0-9 . _ - : = >");
    if (m->capabilities.count == YM_WORDS_MAX && !ym_words_has (&m->capabilities, m->kind))
        ym_faults_add (f, "/capabilities", "length",
                       "leaves no room for the kind, which is one more");
}

bool decide_submit (const struct ym_job_submit *m, struct ym_faults *ret_faults)
{
    if (m->name[0] == '\0')
        ym_faults_add (ret_faults, "/name", "length", "must not be empty");
    check_words (m, ret_faults);
    if (m->source.size == 0)
        ym_faults_add (ret_faults, "/source", "length", "must not be empty");
    if (m->target.size == 0)
        ym_faults_add (ret_faults, "/target", "length", "must not be empty");
    return ret_faults->count == 0;
}

void decide_requirement (const struct ym_job_submit *m, struct ym_requirement *ret)
{
    bool has_pool = (m->has & YM_HAS (job_submit, pool)) != 0;

    *ret = (struct ym_requirement){.regions = m->regions, .capabilities = m->capabilities};
    (void)ym_text_copy (ret->pool, sizeof ret->pool, has_pool ? m->pool : "shared");
    if (!ym_words_has (&ret->capabilities, m->kind))
        (void)ym_words_add (&ret->capabilities, ym_str (m->kind));
}

bool decide_key (const struct ym_key_authorize *m, struct ym_faults *ret_faults)
{
    if (!is_word (m->tenant))
        ym_faults_add (ret_faults, "/tenant", "text", "must be a word of a-z 0-9 . _ - : = >");
    if (!is_word (m->name))
        ym_faults_add (ret_faults, "/name", "text", "must be a word of a-z 0-9 . _ - : = >");
    return ret_faults->count == 0;
}

enum ym_refusal decide_repeat (const uint8_t asked[32], const uint8_t stored[32])
{
    return memcmp (asked, stored, 32) == 0 ? YM_REFUSAL_NONE : YM_REFUSAL_KEY_REUSED;
}

int32_t decide_sees (uint32_t role, int32_t tenant)
{
    return role == YM_OPERATOR || role == YM_ADMIN ? 0 : tenant;
}
