// The rows that years of sales leave in both databases, one event at a time: everything that an order of two seats writes,
// from its hold to check-in, as the services write it, but with dummy texts.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, psqlPath } from '../../tests/lib-js/index.js';

// Creates a service's tables with its migrations.
export function migrate(postgres, service, schema) {
  const folder = join(ROOT, service, 'sql');
  postgres.sql(`CREATE SCHEMA ${schema}; ALTER DATABASE ${schema} SET search_path = ${schema}`, schema);
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.sql')).sort()) {
    const where = ['-h', postgres.socketDir, '-p', String(postgres.port), '-U', 'postgres', '-d', schema];
    execFileSync(psqlPath(), [...where, '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', join(folder, file)], { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

// Percentages of orders that do not end as completed.
const EXPIRED = 12;
const REFUNDED = 3;

export const HELPERS = `
  CREATE FUNCTION pay.years_id(bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT 'o_' || left(translate(encode(sha256($1::text::bytea), 'base64'), '+/', '-_'), 20)
  $$;`;

// Orders `first` to `last` of event `no`, which was `days` days ago.
export function payRows({ first, last, no, days }) {
  const at = `now() - interval '${days} days' + (i - ${first}) * interval '3 ms'`;
  return `
    BEGIN;
    CREATE TEMP TABLE sold ON COMMIT DROP AS
      SELECT i, pay.years_id(i) AS id, ${at} AS at,
        CASE WHEN i % 100 < ${EXPIRED} THEN 'expired' WHEN i % 100 < ${EXPIRED + REFUNDED} THEN 'refunded'
          ELSE 'completed' END AS status
      FROM generate_series(${first}::bigint, ${last}) i;
    DELETE FROM sold s USING pay.orders o WHERE o.number = pay.number(s.id); -- the service draws another id
    INSERT INTO pay.orders (id, event, hold, member, lang, provider, currency, amount, seats, status, cause, payment,
        url, idem_key, idem_body, expires_at, created_at, changed_at, event_name, starts_at, places,
        refund_amount, purchase)
      SELECT id, 'event-${no}', 'h' || i, (i % 3000000)::text, 'ko', 'stripe', 'KRW', 220000,
        jsonb_build_array('b1-' || i, 'b2-' || i), status, CASE status WHEN 'expired' THEN 'hold-over' END,
        CASE WHEN status <> 'expired' THEN 'pi_' || i END, 'https://pay.example/c/pi_' || i, 'k' || i, md5(i::text),
        at + interval '10 min', at, at + interval '1 min', 'An evening', at + interval '30 days',
        jsonb_build_array(jsonb_build_object('id', 'b1-' || i, 'zone', 'Block 1', 'row', '12', 'number', i % 40, 'category', 'A'),
          jsonb_build_object('id', 'b2-' || i, 'zone', 'Block 1', 'row', '12', 'number', i % 40 + 1, 'category', 'A')),
        CASE status WHEN 'refunded' THEN 198000 END,
        jsonb_build_object('version', 1, 'digest', md5(i::text), 'event', 'event-${no}', 'currency', 'KRW', 'fees', 0, 'total', 220000,
          'terms', 'refund={"by": "buyer", "percent": 90, "handed_on": false, "until": null}',
          'lines', jsonb_build_array(jsonb_build_object('place', 'b1-' || i, 'category', 'A', 'price', 110000, 'count', 1),
            jsonb_build_object('place', 'b2-' || i, 'category', 'A', 'price', 110000, 'count', 1)))
      FROM sold;
    CREATE TEMP TABLE sagas ON COMMIT DROP AS
      WITH s AS (
        INSERT INTO pay.saga (key, subject, state, step, moves, token, data, started_at, step_at, due_at, ended_at)
          SELECT key, id, CASE status WHEN 'expired' THEN 3 ELSE 2 END, 8, 9, 2, repeat('x', 400), at, at, at, at + interval '1 min'
          FROM sold, unnest(CASE status WHEN 'refunded' THEN ARRAY['checkout.2', 'refund.2'] ELSE ARRAY['checkout.2'] END) key
          RETURNING id, ended_at)
      SELECT * FROM s;
    INSERT INTO pay.saga_step (saga, step, undo, attempt, mark, tried, took_us, at)
      SELECT id, step, false, 0, CASE WHEN step = 2 AND id % 500 = 0 THEN 3 ELSE 0 END, 1, 1500, ended_at
      FROM sagas, generate_series(0, 7) step;
    INSERT INTO pay.ticket (id, order_id, event, seat, member, holder, kid, token, issued_at, revoked_at)
      SELECT 't' || seat || '-' || i, id, 'event-${no}', 'b' || seat || '-' || i, (i % 3000000)::text, md5(i::text), 'k1',
        repeat('t', 220), at, CASE status WHEN 'refunded' THEN at END
      FROM sold, generate_series(1, 2) seat WHERE status <> 'expired';
    INSERT INTO pay.checkin (ticket, gate, scanned_at, offline)
      SELECT 't' || seat || '-' || i, 'north', at, false FROM sold, generate_series(1, 2) seat WHERE status = 'completed';
    INSERT INTO pay.audit (event, at, act, subject, actor, gate)
      SELECT 'event-${no}', at, 'in', 't' || seat || '-' || i, 'sc_1', 'north'
      FROM sold, generate_series(1, 2) seat WHERE status = 'completed';
    INSERT INTO pay.psp_payment (provider, payment, order_id, amount, captured, refunded, state, seen_at)
      SELECT 'stripe', 'pi_' || i, id, 220000, 220000, CASE status WHEN 'refunded' THEN 198000 ELSE 0 END, 2, at
      FROM sold WHERE status <> 'expired';
    INSERT INTO pay.psp_return (provider, id, payment, kind, amount, state, seen_at)
      SELECT 'stripe', 're_' || i, 'pi_' || i, 'refund', 198000, 1, at FROM sold WHERE status = 'refunded';
    INSERT INTO pay.shop_outbox (order_id, member, kind, tries, due_at, made_at, done_at)
      SELECT id, (i % 3000000)::text, 'completed', 1, at, at, at FROM sold WHERE status <> 'expired';
    INSERT INTO pay.mail_outbox (order_id, member, kind, lang, tries, due_at, made_at, done_at)
      SELECT id, (i % 3000000)::text, 'completed', 'ko', 1, at, at, at FROM sold WHERE status <> 'expired';
    INSERT INTO pay.shop_order (external_id, amount, seen_at)
      SELECT id, 220000, at FROM sold WHERE status <> 'expired';
    INSERT INTO pay.session (token, member, lang, created_at, expires_at)
      SELECT md5(i::text), (i % 3000000)::text, 'ko', at, at + interval '1 day' FROM sold WHERE i % 10 = 0;
    INSERT INTO pay.webhook_event (provider, id, kind, payment, received_at)
      SELECT 'stripe', 'evt_' || i, 'payment_intent.succeeded', 'pi_' || i, at FROM sold WHERE i % 10 = 0;
    INSERT INTO pay.counted (event, at, completed, open, parked)
      SELECT 'event-${no}', now() - interval '${days} days' + i * interval '10 s', 5, 0, 0 FROM generate_series(1, 2000) i;
    COMMIT;`;
}

// A journal row has about a hundred changes in a rush and one or two at other times; here ten.
export function seatRows({ first, last, no, days }) {
  const at = `now() - interval '${days} days'`;
  return `
    BEGIN;
    INSERT INTO event (no, id) OVERRIDING SYSTEM VALUE VALUES (${no}, 'event-${no}');
    INSERT INTO owner (event, epoch, chain) VALUES (${no}, 1, '\\x00');
    INSERT INTO document (event, hash, body) VALUES (${no}, '\\x00', '\\x00');
    INSERT INTO journal (seq, at, epoch, event, kind, body, chain, changes)
      SELECT seq, ${at} + seq * interval '1 ms', 1, ${no}, 0, decode(repeat(md5(seq::text), 25), 'hex'), sha256(seq::text::bytea), 10
      FROM generate_series(10, ${(last - first + 1) * 4}, 10) seq;
    INSERT INTO holds (event, hold, state, buyer, places, total, order_id, taken_at, changed_at, seq)
      SELECT ${no}, i, 'sold', i, 2, 220000, left('o_' || md5(i::text), 22), ${at}, ${at}, i FROM generate_series(${first}::bigint, ${last}) i;
    INSERT INTO sold (event, seat, seq, hold, order_id)
      SELECT ${no}, seat, seat, seat / 2, left('o_' || md5((seat / 2)::text), 22) FROM generate_series(1, ${(last - first + 1) * 2}) seat;
    INSERT INTO sold_area (event, hold, area, places, total, order_id)
      SELECT ${no}, i, 0, 2, 220000, left('o_' || md5(i::text), 22) FROM generate_series(${last}::bigint + 1, ${last} + 9) i;
    INSERT INTO snapshot (event, seq, chain, body)
      SELECT ${no}, seq, '\\x00', decode(repeat(md5(seq::text), 12500), 'hex') FROM generate_series(1, 2) seq;
    INSERT INTO counted (event, at, free, held, sold, blocked)
      SELECT ${no}, ${at} + i * interval '10 s', 0, 0, 0, 0 FROM generate_series(1, 2000) i;
    COMMIT;`;
}
