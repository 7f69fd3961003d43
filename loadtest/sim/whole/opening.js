// opening.js: from the first click to a place. At the door are visitors without a connection: an edge's kernel has
// accepted `backlog` of them and ignores the packets of the others, which are sent again. A visitor who has waited too
// long reloads the page and starts again at the end. If the kernel had accepted the old connection, it is dead now,
// but its handshake still costs as much. So reloads make a slow door slower.

import { comeBy } from './ask.js';
import { some } from './dice.js';
import { Later, Queue, together } from './station.js';

const SHED_BYTES = 700;

export class Opening {
  constructor(world) {
    this.world = world;
    this.come = 0;
    this.door = []; // attempts, oldest first: { bornS, triedS, n, dead }
    this.atDoor = 0;
    this.dead = 0;
    this.joins = new Queue(); // by arrival; they wait at the edge until a front and Redis have time
    this.joinsSince = new Queue(); // the same people by the start of their wait for a place, for the edge's timeout
    this.later = new Later(); // rejected with a time to retry
    this.laterBorn = [];
  }

  get waiting() {
    return this.atDoor + this.joins.length + this.later.waiting;
  }

  step() {
    this.arrive();
    this.reload();
    this.comeBack();
    this.place(); // before new connections: these visitors are connected, and a join costs a thirtieth of a handshake
    this.letIn();
  }

  arrive() {
    const { world } = this;
    const all = comeBy(world.ask, world.nowS + world.stepS);
    this.connect(world.nowS, all - this.come);
    this.come = all;
  }

  connect(bornS, n) {
    if (n <= 0) return;
    const { nowS } = this.world;
    const last = this.door.at(-1);
    if (last !== undefined && last.bornS === bornS && last.triedS === nowS) last.n += n;
    else this.door.push({ bornS, triedS: nowS, n, dead: 0 });
    this.atDoor += n;
    this.world.peak('door', this.atDoor);
  }

  // Once a second, visitors reload who have waited 1 to 1.5 times reloadS since their last try. Rounding arrivals to
  // whole seconds keeps the groups few, however long the door is stuck.
  reload() {
    const { ask, dice, nowS, step, stepS, ends, counts } = this.world;
    const { reloadS, giveUpS } = ask.people;
    if (step % Math.round(1 / stepS) !== 0) return;
    const takenIn = ask.backlog * ask.edges;
    const again = new Map();
    let before = 0;
    for (const one of this.door) {
      const left = one.triedS + 1.5 * reloadS - nowS;
      if (left > reloadS / 2) break;
      before += one.n + one.dead;
      const load = left <= 1 ? one.n : some(dice, one.n, 1 / left);
      const go = some(dice, load, (1.25 * reloadS) / giveUpS);
      one.n -= load;
      if (before <= takenIn) {
        one.dead += load;
        this.dead += load;
      }
      this.atDoor -= load;
      ends.neverSawThePage += go;
      counts.reloads += load - go;
      again.set(Math.floor(one.bornS), (again.get(Math.floor(one.bornS)) ?? 0) + load - go);
    }
    again.forEach((n, bornS) => this.connect(bornS, n));
    this.door = this.door.reduce((kept, one) => {
      const last = kept.at(-1);
      if (one.n === 0 && last?.n === 0) last.dead += one.dead;
      else if (one.n + one.dead > 0) kept.push(one);
      return kept;
    }, []);
  }

  // Handshake and page, on a new connection. Behind a CDN we serve neither.
  letIn() {
    const { world } = this;
    const { cost, cdn, people } = world.ask;
    const { edge, front, network } = world.stations;
    const handshake = cost.edge_handshake_us * (1 - people.resumed * (1 - cost.edge_resumed_ratio));
    const parts = cdn ? [] : [[edge, handshake + cost.edge_request_us], [front, cost.front_page_us], [network, cost.handshake_bytes + cost.page_bytes]];
    let open = together(parts, this.atDoor + this.dead, world.nowS);
    world.send(open * (cost.handshake_bytes + cost.page_bytes), open, cdn);
    world.counts.handshakes += cdn ? 0 : open;
    while (open > 0) {
      const [one] = this.door;
      const dead = Math.min(open, one.dead);
      const n = Math.min(open - dead, one.n);
      one.dead -= dead;
      one.n -= n;
      this.dead -= dead;
      this.atDoor -= n;
      world.counts.deadHandshakes += dead;
      world.waits.page.add(world.nowS - one.bornS, n);
      this.queue(one.bornS, n);
      open -= dead + n;
      if (one.n + one.dead === 0) this.door.shift();
    }
  }

  queue(bornS, n) {
    this.joins.put(bornS, n);
    this.joinsSince.put(this.world.nowS, n);
  }

  comeBack() {
    const due = this.later.take(this.world.step);
    for (let left = due; left > 0;) {
      const [one] = this.laterBorn;
      const n = Math.min(left, one.n);
      this.queue(one.bornS, n);
      one.n -= n;
      left -= n;
      if (one.n === 0) this.laterBorn.shift();
    }
  }

  // A request at the edge, a join at a front and at a shard in Redis.
  place() {
    const { world } = this;
    const { cost, joinWaitS } = world.ask;
    const { edge, front, redis, network } = world.stations;
    const placed = together([[edge, cost.edge_request_us], [front, cost.front_join_us], [redis, world.redisJoinUs], [network, cost.join_bytes]], this.joins.length, world.nowS);
    this.joins.take(placed, (bornS, n) => {
      world.waits.place.add(world.nowS + world.stepS - bornS, n);
      world.waits.placeEnd = world.nowS + world.stepS;
    });
    this.joinsSince.take(placed);
    world.send(placed * cost.join_bytes, placed);
    world.line.join(placed);
    world.counts.placedThisSecond += placed;
    let late = 0;
    this.joinsSince.takeOlder(world.nowS - joinWaitS, (since, n) => { late += n; });
    if (late > 0) this.tellLater(late, placed);
  }

  // They retry when the people before them should be through, spread over time.
  tellLater(n, placed) {
    const { world } = this;
    this.joins.take(n, (bornS, of) => this.laterBorn.push({ bornS, n: of }));
    world.counts.sentLater += n;
    world.stations.front.spend(n * world.ask.cost.front_shed_us);
    world.stations.network.spend(n * SHED_BYTES);
    world.send(n * SHED_BYTES, n);
    const steps = Math.max(1 / world.stepS, Math.min(120 / world.stepS, (this.later.waiting + n) / Math.max(1, placed)));
    this.later.spread(world.step + 1 + Math.floor(steps / 2), steps, n);
  }
}
