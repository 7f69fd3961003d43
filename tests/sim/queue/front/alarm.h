/* alarm.h: the errors that fronts log. Of all faults here only a Redis without memory may cause
 * one: a script that fails, or a reply that the front cannot read, would stop a line for good. */
#ifndef FG_SIM_QUEUE_ALARM_H
#define FG_SIM_QUEUE_ALARM_H

struct logger;

/* Shared by all fronts of a run. An error in it ends the run: I4 is broken. */
struct logger *alarm_logger(void);

#endif
