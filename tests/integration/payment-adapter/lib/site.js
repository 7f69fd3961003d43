// The payment adapter with the real seat service, and the wire between them, which can be cut.

import { assertStatus, openProxy } from '../../../lib-js/index.js';
import { hall, importHall, openSeats, ROLE, visitor } from '../../seat-service/site.js';
import { besideWorld, EVENT, openWorld } from './world.js';

// Between the payment adapter and the seats' private listener. `lose(words, what)`: from the request containing those words
// on, nothing passes any longer, in either direction and on any connection. That request itself still passes if `what` is
// its answer. With `what` "wait" nothing is lost: the request waits until the wire is healed.
async function openWire(scope, port) {
  const proxy = await openProxy(scope, { to: { port }, onBytes: (bytes, way) => wire.judge(bytes, way) });
  const wire = {
    url: proxy.url,
    waiting: [],
    trap: null,
    get silent() {
      return proxy.mode === 'lose';
    },
    lose(words, what) {
      wire.trap = { words, what };
    },
    judge(bytes, way) {
      if (way === 'back' || wire.trap === null || !bytes.includes(wire.trap.words)) return true;
      const { what } = wire.trap;
      if (what === 'wait') return new Promise((resolve) => { wire.waiting.push(() => resolve(true)); });
      proxy.fault('lose');
      return what === 'answer';
    },
    // Open connections are reset, and new ones are refused.
    break: () => proxy.fault('reset'),
    heal() {
      for (const go of wire.waiting.splice(0)) go();
      wire.trap = null;
      proxy.heal();
    },
  };
  return wire;
}

// The world of world.js with `world.site`: the seat service, and `world.wire`: its private listener as the adapter reaches
// it. `halls`: the imported halls.
export async function openSite(scope, { halls = hall(), ...options } = {}) {
  let site;
  let wire;
  const world = await openWorld(scope, {
    mail: { url: '' },
    ...options,
    async before(opening) {
      const { postgres, ...keys } = besideWorld(opening, ROLE);
      site = await openSeats(scope, postgres, keys);
      await importHall(site, EVENT, halls);
      wire = await openWire(scope, site.privatePort);
      opening.options.seats = { url: `http://127.0.0.1:${site.port}`, internal_url: wire.url };
    },
  });
  world.site = site;
  world.wire = wire;
  let visits = 0;
  world.visit = () => visitor(site, EVENT, { session: `visit-${(visits += 1)}` });
  // A new visit, what it holds, and its pass: for world.order().
  world.held = async (what) => {
    const visit = world.visit();
    return { visit, pass: visit.token, ...assertStatus(await visit.hold(what), 201).json };
  };
  // A paid and completed order of what a new visit holds.
  world.buy = async (buyer, what) => {
    const order = await world.ordered(buyer, await world.held(what));
    if (!world.psp.autoPay) await world.payOrder(order);
    await world.untilStatus(buyer, order, 'completed');
    return order;
  };
  // The sold seats, as "ORDER SEAT".
  world.soldSeats = async () =>
    (await site.admin.get(`/admin/events/${EVENT}/export`)).json.map(({ seat, order }) => `${order} ${seat}`).sort();
  return world;
}
