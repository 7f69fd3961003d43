// The limit of seats per person, and the owner of a pass, with all three real services: the limit applies to a person over
// all visits and lines.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertProblem, assertStatus, openScope, until } from '../../lib-js/index.js';
import { openWorld } from '../payment-adapter/lib/world.js';
import { asMember, openShop } from '../queue-front/shop.js';
import { makeEvent, openSite, Visitor } from '../queue-front/support.js';
import { hall, importHall, openPostgres, openSeats, PassOffice } from '../seat-service/site.js';

const LIMIT = 4;

describe('a limit of four seats', async () => {
  const scope = openScope(test);
  const shop = openShop();
  const member = {}; // login -> {visitor, id}

  const site = await openSite(null, { scope, config: { members: { keys: shop.file } } });
  const seats = await openSeats(scope, await openPostgres(scope), {
    office: new PassOffice('fairgate', site.secrets.read('pass-es256.pem')),
    secrets: site.secrets,
  });
  const { front } = site;
  const url = (port) => `http://127.0.0.1:${port}`;
  const world = await openWorld(scope, {
    queue: { url: url(front.port), internal_url: url(front.privatePort) },
    seats: { url: url(seats.port), internal_url: url(seats.privatePort) },
    keys: {
      service_token: site.secrets.path('service-token'),
      seats_admin_token: site.secrets.path('admin-token'),
    },
  });
  world.psp.autoPay = true;
  for (const event of ['open', 'members']) {
    await makeEvent(site, event, { rate_per_s: 1000, burst: 1000, member_required: event === 'members' });
    await importHall(seats, event, hall({ limits: { max_per_buyer: LIMIT, max_per_hold: LIMIT } }));
  }
  for (const login of ['bcrypt', 'argon2id', 'pbkdf2']) member[login] = await world.login(`${login}@example.com`);

  // One visit: through the line to the seats. `who`: the member, in a line for members.
  async function visit(event, who) {
    const waiting = new Visitor(site.front, event);
    const options = who ? asMember(shop.token(who.member)) : {};
    const joined = await waiting.join(options);
    assert.ok([200, 201].includes(joined.status), joined.text);
    const { pass } = await waiting.entered(options);
    const call = (method, path, body) =>
      seats.http.call(method, `/v1/seats/${event}/holds${path}`, { token: pass, body });
    return {
      pass,
      hold: (...ids) => call('POST', '', { seats: ids }),
      change: (hold, body) => call('PATCH', `/${hold}`, body),
      order: (buyer, hold) => buyer.post('/v1/pay/orders', { event, hold },
        { authorization: `Bearer ${pass}`, 'idempotency-key': `${hold}-${Math.random()}` }),
    };
  }

  async function held(guest, ...ids) {
    const answer = assertStatus(await guest.hold(...ids), 201);
    return answer.json.hold;
  }

  async function bought(guest, buyer, hold) {
    const made = assertStatus(await guest.order(buyer, hold), 201);
    await world.untilStatus(buyer, made.json.order, 'completed');
    await until('the visit to be over', () => world.postgres.sql(
      `SELECT count(*) FROM pay.saga WHERE subject = '${made.json.order}' AND state < 2`, 'pay') === '0');
    return made.json.order;
  }

  // The seats refuse it before the provider gets a call.
  async function refused(guest, buyer, hold) {
    const made = assertStatus(await guest.order(buyer, hold), 201);
    const order = await world.untilStatus(buyer, made.json.order, 'failed');
    assert.equal(order.reason, 'buyer-limit');
    assert.deepEqual(world.psp.of(made.json.order), [], 'no payment was begun');
    return order.order;
  }

  test('holds across two visits of one member before any payment', async () => {
    const buyer = member.bcrypt;
    const first = await visit('open'), second = await visit('open');
    await bought(first, buyer, await held(first, 'r1s1', 'r1s2', 'r1s3'));
    const hold = await held(second, 'r2s1', 'r2s2');
    const failed = await refused(second, buyer, hold);

    const page = await buyer.get(`/pay/orders/${failed}?lang=en`);
    assert.match(page.text, /as many seats for this event as one member can have/);
    assert.match((await buyer.get(`/pay/orders/${failed}?lang=ko`)).text, /한 회원이 구매할 수 있는 좌석 수/);
    assert.equal(world.postgres.sql(`SELECT count(*) FROM pay.mail_outbox WHERE order_id = '${failed}'`, 'pay'), '0',
      'nobody gets a letter about money that was never asked for');

    // Once reduced, the same hold can be ordered; and another member may buy a whole one.
    assertStatus(await second.change(hold, { remove: ['r2s2'] }), 200);
    await bought(second, buyer, hold);
    const third = await visit('open');
    const whole = await held(third, 'r3s1', 'r3s2');
    await refused(third, buyer, whole);
    await bought(third, member.argon2id, whole);
  });

  test('does not count refunded seats', async () => {
    const buyer = member.pbkdf2;
    const first = await visit('open'), second = await visit('open');
    const order = await bought(first, buyer, await held(first, 'r5s1', 'r5s2', 'r5s3', 'r5s4'));
    const hold = await held(second, 'r6s1', 'r6s2');
    await refused(second, buyer, hold);
    assertStatus(await buyer.post(`/v1/pay/orders/${order}/refund`), 202);
    await world.untilStatus(buyer, order, 'refunded');
    await bought(second, buyer, hold);
  });

  test('holds of both visits of a member count when they are taken, where the line knows the member', async () => {
    const buyer = member.bcrypt;
    const first = await visit('members', buyer);
    const order = await bought(first, buyer, await held(first, 'r1s1', 'r1s2', 'r1s3'));
    assert.ok(order);
    const second = await visit('members', buyer);
    const answer = await second.hold('r2s1', 'r2s2');
    assertProblem(answer, 409, 'buyer-limit');
    assert.deepEqual([answer.json.limit, answer.json.has], [LIMIT, 3]);
    await bought(second, buyer, await held(second, 'r2s1'));
  });

  test('a pass of a line for members buys for that member alone', async () => {
    const owner = member.argon2id, other = member.pbkdf2;
    const guest = await visit('members', owner);
    const hold = await held(guest, 'r4s1');
    assertProblem(await guest.order(other, hold), 403, 'member-differs');
    await bought(guest, owner, hold);
  });

  test('is per event: a buyer with four here may have four there', async () => {
    const guest = await visit('members', member.pbkdf2);
    await bought(guest, member.pbkdf2, await held(guest, 'r7s1', 'r7s2', 'r7s3', 'r7s4'));
  });
});
