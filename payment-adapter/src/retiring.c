/* retiring.c: an event's tables, in deletion order: referring rows go before the rows they refer
 * to. Left out are rows that belong to no event (sessions, throttles, cursors) and what
 * reconciliation keeps for itself. */
#include "retiring.h"

#include "archive/retire.h"
#include "cli.h"
#include "settings.h"

/* Rows about orders that are gone: later reports of the provider and the shop about them belong to
 * the event, too. */
#define OF_ORDERS(COLUMN)                                                                          \
    COLUMN " IN (SELECT id FROM orders_of(current_setting('fairgate.retiring')))"
#define OF_PAYMENTS                                                                                \
    "(t.provider, t.payment) IN (SELECT provider, payment"                                         \
    " FROM orders_of(current_setting('fairgate.retiring')))"
#define OF_TICKETS                                                                                 \
    "t.ticket IN (SELECT id FROM ticket WHERE event = current_setting('fairgate.retiring'))"
#define OF_EVENT "t.event = current_setting('fairgate.retiring')"

static const struct retire_table tables[] = {
    {"checkin_conflict", OF_EVENT},
    {"checkin", OF_TICKETS},
    {"webhook_event", OF_PAYMENTS},
    {"psp_return", OF_PAYMENTS},
    {"psp_payment", OF_ORDERS("t.order_id")},
    {"shop_order", OF_ORDERS("t.external_id")},
    {"shop_outbox", OF_ORDERS("t.order_id")},
    {"mail_outbox", OF_ORDERS("t.order_id")},
    {"saga_step", "t.saga IN (SELECT s.id FROM saga s WHERE " OF_ORDERS("s.subject") ")"},
    {"saga", OF_ORDERS("t.subject")},
    {"ticket", OF_EVENT},
    {"orders", OF_EVENT},
    {"audit", OF_EVENT " AND t.act <> 'retired'"},
    {"scanner", OF_EVENT},
    {"refund_terms", OF_EVENT},
    {"cancelled_event", OF_EVENT},
    {"postponed_event", OF_EVENT},
    {"picture", OF_EVENT},
    {"counted", OF_EVENT},
    {"drift_accepted", OF_EVENT},
};

int retiring_run(const struct service_conf *conf, int argc, char **argv)
{
    const struct settings *settings = conf->config;
    const struct retire_conf retire = {
        .help = cli_commands,
        .schema = "pay",
        .dsn = settings->db_conninfo,
        .after_ms = &settings->retire_after_ms,
        .tables = tables,
        .tables_len = sizeof(tables) / sizeof(tables[0]),
    };
    return retire_run(conf, &retire, argc, argv);
}
