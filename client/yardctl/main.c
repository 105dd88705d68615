/* main.c - yardctl: see README.md. */
#include "client/yardctl/ctl.h"

int main (int argc, char **argv)
{
    return ctl_main (argc, argv);
}
