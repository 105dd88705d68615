/* notify.c - the sentences of sd_notify. */
#include "supervisor/notify.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

#include "common/base/time.h"

void notify_ready (void)
{
    (void)sd_notify (0, "READY=1");
}

void notify_status (const char *text)
{
    (void)sd_notifyf (0, "STATUS=%s", text);
}

void notify_reloading (void)
{
    (void)sd_notifyf (0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, ym_time_mono_us ());
}

void notify_stopping (void)
{
    (void)sd_notify (0, "STOPPING=1");
}

void notify_extend (int64_t ms)
{
    (void)sd_notifyf (0, "EXTEND_TIMEOUT_USEC=%" PRId64, ms * 1000);
}

int64_t notify_watchdog_ms (void)
{
    uint64_t us = 0;
    if (sd_watchdog_enabled (0, &us) <= 0)
        return 0;
    /* Thrice in the time allowed: one that is late does no harm. */
    int64_t ms = (int64_t)(us / 3000);
    return ms > 0 ? ms : 1;
}

void notify_alive (void)
{
    (void)sd_notify (0, "WATCHDOG=1");
}
