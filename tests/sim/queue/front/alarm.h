/* alarm.h: what fronts log as errors. Nothing that is broken here is a reason for one but a Redis
 * without memory: a script that fails, or an answer that its front cannot read, would stop a line
 * for good. */
#ifndef FG_SIM_QUEUE_ALARM_H
#define FG_SIM_QUEUE_ALARM_H

struct logger;

/* For all fronts of a run. An error of theirs ends it: I4 is broken. */
struct logger *alarm_logger(void);

#endif
