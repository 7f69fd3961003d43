// hall.js: visitors with a pass: they load the hall, choose, and hold seats. In a conflict somebody else has taken the seat:
// the picture that the visitor chose from is some seconds old, and many want the same seats. Each change is sent to all who
// have the hall open.

import { some } from './dice.js';
import { Later, Queue, together } from './station.js';

const HALL_REQUESTS = 6; // page, styles, script, plan, picture, stream
const AGAIN_S = 3; // after a conflict
const TELL_S = 0.25; // between two changes of the picture
const LATE_S = 1; // a picture older than this is late

export class Hall {
  constructor(world) {
    this.world = world;
    this.sold = 0;
    this.held = 0;
    this.heldThisSecond = 0;
    this.changes = 0; // changed seats, not sent yet
    this.loading = new Queue();
    this.looking = new Later();
    this.picking = new Queue();
    this.heldPerS = 0;
    this.unsent = 0; // people who have not received the last changes
    this.sentS = 0;
  }

  get inside() {
    return this.loading.length + this.looking.waiting + this.picking.length + this.world.checkout.inside;
  }

  get waiting() {
    return this.loading.length + this.looking.waiting + this.picking.length;
  }

  free() {
    return this.world.ask.seats - this.sold - this.held;
  }

  // Nobody is called while the visitors inside want all free seats; an operator or the autopilot does the same.
  wantsMore() {
    return this.free() > this.waiting * this.world.ask.people.seatsEach;
  }

  soldOut() {
    return this.sold >= this.world.ask.seats;
  }

  comeIn(n) {
    this.loading.put(this.world.nowS, n);
  }

  step() {
    this.load();
    this.pick();
    this.tell();
  }

  load() {
    const { world } = this;
    const { ask } = world;
    const { cost, people } = ask;
    const { edge, seats, network } = world.stations;
    const requests = ask.cdn ? 2 : HALL_REQUESTS;
    const bytes = ask.cdn ? cost.hall_bytes / 3 : cost.hall_bytes; // a CDN does not cache the picture
    const n = together([[edge, requests * cost.edge_request_us], [seats, cost.seat_picture_us * 2], [network, bytes]], this.loading.length, world.nowS);
    this.loading.take(n, (sinceS, of) => world.waits.hall.add(world.nowS - sinceS, of));
    world.send(n * bytes, n * requests);
    if (ask.cdn) world.send(n * (cost.hall_bytes - bytes), n * (HALL_REQUESTS - requests), true);
    this.looking.spread(world.step + Math.max(1, Math.round(people.thinkS / 2 / world.stepS)), people.thinkS / world.stepS, n);
    world.peak('inside', this.inside);
  }

  // The share of visitors whose seat was taken since their picture.
  conflictPart() {
    const { people, seats } = this.world.ask;
    const free = this.free();
    if (free <= 0) return 1;
    const taken = this.heldPerS * people.picksStaleS * people.popularity;
    const scarce = Math.min(1, free / (0.02 * seats)); // the last seats leave no choice
    return 1 - Math.exp(-taken / Math.max(1, free * scarce));
  }

  pick() {
    const { world } = this;
    const { cost, people } = world.ask;
    const { edge, seats, commits, network } = world.stations;
    this.picking.put(world.nowS, this.looking.take(world.step));
    const commit = 1 / cost.seat_changes_per_commit;
    const n = together([[edge, cost.edge_request_us], [seats, cost.seat_hold_us * people.seatsEach], [commits, commit * people.seatsEach], [network, cost.poll_bytes]], this.picking.length, world.nowS);
    this.picking.take(n, (sinceS, of) => world.waits.hold.add(world.nowS - sinceS, of));
    const clash = some(world.dice, n, this.conflictPart());
    const lucky = Math.min(n - clash, Math.floor(this.free() / people.seatsEach) + (this.free() % people.seatsEach > 0 ? 1 : 0));
    const taken = Math.min(this.free(), Math.round(lucky * people.seatsEach));
    this.held += taken;
    this.changes += taken;
    this.heldThisSecond += taken;
    world.send(n * cost.poll_bytes, n);
    world.checkout.hold(lucky, taken);
    this.refused(n - lucky);
  }

  // They try other seats; each time some give up. Once everything is sold, all give up.
  refused(n) {
    const { world } = this;
    const { people } = world.ask;
    const go = this.soldOut() ? n : some(world.dice, n, 1 / people.conflictsMax);
    world.counts.conflicts += n;
    world.ends.noSeat += go;
    this.looking.spread(world.step + 1, (2 * AGAIN_S) / world.stepS, n - go);
  }

  give(seats, sold) {
    this.held -= seats;
    if (sold) this.sold += seats;
    this.changes += seats;
  }

  // Sends accumulated changes to everybody who has the hall open; the next ones once all have received these.
  tell() {
    const { world } = this;
    const { cost } = world.ask;
    if (this.changes > 0 && this.unsent === 0 && world.nowS >= this.sentS + TELL_S) {
      this.unsent = this.inside;
      this.changes = 0;
      this.sentS = world.nowS;
    }
    const sent = Math.min(this.unsent, world.stations.seats.fits(cost.seat_sent_us), world.stations.network.fits(cost.change_bytes));
    world.stations.seats.spend(sent * cost.seat_sent_us);
    world.stations.network.spend(sent * cost.change_bytes);
    world.send(sent * cost.change_bytes, 0);
    this.unsent -= sent;
    if (this.unsent > 0 && world.nowS > this.sentS + LATE_S) world.stations.seats.lacked(world.nowS);
  }

  closeSecond() {
    this.heldPerS = 0.5 * this.heldPerS + 0.5 * this.heldThisSecond;
    this.heldThisSecond = 0;
  }
}
