/* main.c - yardmasterd, the parent of every process of the yard. */
#include "supervisor/supervisor.h"

int main (int argc, char **argv)
{
    return supervisor_main (argc, argv);
}
