// line.js: visitors with a place: they poll, leave, are called, and enter. They have priority over newcomers, so the line
// takes its share of the edge and the fronts before the opening does.

import { some } from './dice.js';
import { pollsPerS } from './poll.js';
import { Later, Queue, together } from './station.js';

const NOTICED_S = 2; // a call is noticed this late at most (POLL_NEAR_MS)

export class Line {
  constructor(world) {
    this.world = world;
    this.queue = new Queue(); // by the time at which they got their place
    this.credit = 0; // calls that are due
    this.called = new Later();
    this.entering = new Queue(); // requested a pass and have none yet
    this.pollsPerS = 0;
    this.pollsDue = 0;
  }

  get waiting() {
    return this.queue.length + this.called.waiting + this.entering.length;
  }

  join(n) {
    this.queue.put(this.world.nowS, n);
    this.world.peak('waiting', this.queue.length);
  }

  step() {
    this.poll();
    this.call();
    this.enter();
  }

  // The people here, how many of them have a connection to an edge, and how many of these a stream.
  connections() {
    const { ask } = this.world;
    const here = this.queue.length + this.world.hall.inside;
    const kept = Math.min(here, ask.edges * this.world.edgeConnections);
    return { here, kept, streams: Math.min(Math.round(kept * ask.people.streams), this.world.ways, ask.fronts * ask.frontFiles) };
  }

  poll() {
    const { world } = this;
    const { cost, people } = world.ask;
    const { edge, front, network } = world.stations;
    const { here, kept, streams } = this.connections();
    world.peak('connections', kept);
    world.peak('streams', streams);
    if (here > kept) world.stations.connections.lacked(world.nowS);
    if (Math.round(kept * people.streams) > streams) world.stations.streams.lacked(world.nowS);
    const again = here > 0 ? Math.min(1, people.reconnect + 1 - kept / here) : 0;
    this.pollsDue += this.pollsPerS * world.stepS;
    const due = Math.floor(this.pollsDue);
    const handshakes = world.ask.cdn ? 0 : again;
    const bytes = cost.poll_bytes + handshakes * cost.handshake_bytes;
    const done = together([[edge, cost.edge_request_us + handshakes * cost.edge_handshake_us * cost.edge_resumed_ratio], [front, cost.front_poll_us], [network, bytes]], due, world.nowS);
    front.spend(streams * cost.front_stream_us_per_s * world.stepS);
    this.pollsDue = Math.min(this.pollsDue - done, this.queue.length); // visitors waiting for an answer do not poll again
    world.counts.polls += done;
    world.counts.handshakes += done * handshakes;
    world.send(done * bytes, done);
  }

  call() {
    const { world } = this;
    const { ask, dice, ends } = world;
    const room = ask.maxActive > 0 ? ask.maxActive - world.hall.inside - this.entering.length - this.called.waiting : Infinity;
    this.credit = world.hall.wantsMore() ? this.credit + ask.ratePerS * world.stepS : 0;
    const n = Math.max(0, Math.min(Math.floor(this.credit), this.queue.length, room));
    this.credit = Math.min(this.credit - n, ask.ratePerS);
    this.queue.take(n, (sinceS, of) => world.waits.call.add(world.nowS - sinceS, of));
    const absent = some(dice, n, ask.people.noShow);
    ends.didNotCome += absent;
    world.counts.called += n;
    this.called.spread(world.step + 1, NOTICED_S / world.stepS, n - absent);
  }

  enter() {
    const { world } = this;
    const { cost } = world.ask;
    const { edge, front, redis, network } = world.stations;
    this.entering.put(world.nowS, this.called.take(world.step));
    const n = together([[edge, cost.edge_request_us], [front, cost.front_pass_us], [redis, cost.redis_pass_us], [network, cost.poll_bytes]], this.entering.length, world.nowS);
    this.entering.take(n, (sinceS, of) => world.waits.pass.add(world.nowS - sinceS, of));
    world.send(n * cost.poll_bytes, n);
    world.hall.comeIn(n);
  }

  // Once a second: some people leave; the poll rate of the others follows.
  closeSecond() {
    const { ask, dice, ends, hall } = this.world;
    this.queue.thin((group) => {
      const gone = some(dice, group.n, ask.people.leavePerHour / 3600);
      ends.leftTheLine += gone;
      return gone;
    });
    this.pollsPerS = pollsPerS(this.queue.length, ask.ratePerS);
    if (hall.soldOut()) this.sendHome();
  }

  sendHome() {
    this.queue.take(this.queue.length, (sinceS, n) => { this.world.ends.soldOutInLine += n; });
  }
}
