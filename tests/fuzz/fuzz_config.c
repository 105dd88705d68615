/* fuzz_config.c - any octets as a configuration file: faults or a usable configuration. */
#include <stdlib.h>

#include "common/base/panic.h"
#include "common/handover/handover.h"
#include "supervisor/config.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static struct config config;
    static struct faults faults;
    if (size > CONFIG_FILE_MAX)
        return 0;
    faults.count = 0;
    config_parse (&config, "fuzz", data, size, &faults);
    for (unsigned i = 0; i < faults.count && i < FAULTS_MAX; i++) {
        char line[FAULT_LINE_MAX + 1];
        fault_print (line, &faults.list[i]);
    }
    if (faults.count)
        return 0;

    /* What is accepted must fit a handover. */
    struct ym_handover *h = ym_handover_new ();
    for (unsigned i = 0; i < CONFIG_SETTINGS; i++)
        ym_assert (ym_handover_put (h, ym_settings[i].name, config_text (&config, i)) == 0);
    ym_handover_free (h);
    return 0;
}
