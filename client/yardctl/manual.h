/* manual.h - what is made of the tables of commands and flags. */
#ifndef YARDCTL_MANUAL_H
#define YARDCTL_MANUAL_H

/* Prints the manual page; 'statuses' is a line for each status. */
void ctl_manual (const char *statuses);
#endif
