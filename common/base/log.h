/* log.h - one line per event: the event's fixed name, then key=value pairs, then why.
 *
 * Under systemd an event is an entry of the journal with fields (journal.h); elsewhere
 * lines go to stderr, each with one write: "<priority>event actor=... key=value ...", which the
 * journal understands; on a terminal without "<priority>". Values with spaces or quotes are
 * quoted and escaped. Text that came from outside is safe to log: control characters are
 * escaped, a line is cut at 2 KiB. errno is kept.
 */
#ifndef YM_BASE_LOG_H
#define YM_BASE_LOG_H
#include <stdint.h>

enum ym_priority { YM_LOG_ERROR = 3, YM_LOG_WARNING = 4, YM_LOG_INFO = 6, YM_LOG_DEBUG = 7 };

struct ym_log_field {
    const char *key;
    char value[120];
};
struct ym_log_field ym_log_text (const char *key, const char *value);
struct ym_log_field ym_log_number (const char *key, int64_t value);
struct ym_log_field ym_log_job (int64_t id);  /* job=job_... */
struct ym_log_field ym_log_errno (int error); /* why="No such file or directory" */

/* Sets the name every line carries (actor=...; none if NULL). Lines above YM_LOG_INFO are not
 * written unless the environment says YM_LOG=debug. */
void ym_log_open (const char *actor);
void ym_log_event (enum ym_priority priority, const char *event,
                   const struct ym_log_field *fields, unsigned count);

/* ym_log (YM_LOG_INFO, "job_moved", ym_log_job (id), ym_log_text ("to", "STARTED")); */
#define ym_log(priority, event, ...)                                                           \
    do {                                                                                       \
        const struct ym_log_field ym_fields_[] = {__VA_ARGS__};                                \
        ym_log_event (priority, event, ym_fields_, sizeof ym_fields_ / sizeof ym_fields_[0]);  \
    } while (0)
#define ym_log_plain(priority, event) ym_log_event (priority, event, (void *)0, 0)
#endif
