/* retiring.c: the tables of an event, in the order in which their rows may go: a row that refers to
 * another goes before it. Left out is what belongs to no event (sessions, throttles, cursors)
 * and what reconciliation keeps for itself. */
#include "retiring.h"

#include "archive/retire_service.h"
#include "cli.h"
#include "settings.h"

/* With the orders that are gone: what the provider and the shop tell of them later belongs to the
 * event, too. */
#define OF_ORDERS(COLUMN)                                                                          \
    COLUMN " IN (SELECT id FROM orders_of(current_setting('fairgate.retiring')))"
#define OF_PAYMENTS                                                                                \
    "(t.provider, t.payment) IN (SELECT provider, payment"                                         \
    " FROM orders_of(current_setting('fairgate.retiring')))"
#define OF_TICKETS                                                                                 \
    "t.ticket IN (SELECT id FROM ticket WHERE event = current_setting('fairgate.retiring'))"
#define OF_EVENT "t.event = current_setting('fairgate.retiring')"

static const struct retire_table tables[] = {
    {"checkin_conflict", {"ticket", "gate", "scanned_at"}, OF_TICKETS},
    {"checkin", {"ticket"}, OF_TICKETS},
    {"webhook_event", {"provider", "id"}, OF_PAYMENTS},
    {"psp_return", {"provider", "id"}, OF_PAYMENTS},
    {"psp_payment", {"provider", "payment"}, OF_ORDERS("t.order_id")},
    {"shop_order", {"external_id"}, OF_ORDERS("t.external_id")},
    {"shop_outbox", {"id"}, OF_ORDERS("t.order_id")},
    {"mail_outbox", {"id"}, OF_ORDERS("t.order_id")},
    {"saga_step",
     {"saga", "step", "undo", "attempt"},
     "t.saga IN (SELECT s.id FROM saga s WHERE " OF_ORDERS("s.subject") ")"},
    {"saga", {"id"}, OF_ORDERS("t.subject")},
    {"ticket", {"id"}, OF_EVENT},
    {"orders", {"id"}, OF_EVENT},
    {"audit", {"id"}, OF_EVENT " AND t.act <> 'retired'"},
    {"scanner", {"id"}, OF_EVENT},
    {"refund_terms", {"event"}, OF_EVENT},
    {"counted", {"event", "at"}, OF_EVENT},
};

int retiring_run(const struct service_conf *conf, int argc, char **argv)
{
    const struct settings *settings = conf->config;
    const struct retire_service of = {
        .help = cli_commands,
        .schema = "pay",
        .dsn = settings->db_conninfo,
        .after_ms = &settings->retire_after_ms,
        .tables = tables,
        .tables_len = sizeof(tables) / sizeof(tables[0]),
    };
    return retire_service_run(conf, &of, argc, argv);
}
