// checkout.js: from held seats to tickets, then the shop's order and the mail. The rates of most steps are settings, so
// the bottleneck here is more often a setting than a machine.

import { some } from './dice.js';
import { Later, Queue, together } from './station.js';

const USERS_FOR_LOGINS = 0.75; // of the queries to the user table: half are shared, a quarter is for logins
const USERS_FOR_MAILS = 0.625;

export class Checkout {
  constructor(world) {
    this.world = world;
    this.filling = new Later(); // the form
    this.logins = new Queue();
    this.orders = new Queue(); // the buyer has paid
    this.atProvider = new Queue();
    this.paying = new Later();
    this.again = new Later(); // another card
    this.expiring = new Later(); // seats whose buyer gave up
    this.people = 0;
    this.seatsHeld = 0;
    this.loginsRoom = 0;
    this.mailsRoom = 0;
    this.shop = 0;
    this.mails = 0;
  }

  get inside() {
    return this.people;
  }

  get waiting() {
    return this.people;
  }

  hold(n, seats) {
    const { world } = this;
    const { fillS } = world.ask.people;
    this.people += n;
    this.seatsHeld += seats;
    this.filling.spread(world.step + Math.max(1, Math.round(fillS / 2 / world.stepS)), fillS / world.stepS, n);
  }

  step() {
    this.login();
    this.provider();
    this.finish();
    this.write();
  }

  login() {
    const { world } = this;
    const { users } = world.stations;
    const due = this.filling.take(world.step) + this.again.take(world.step);
    const byPassword = some(world.dice, due, world.ask.people.login);
    this.logins.put(world.nowS, byPassword);
    this.atProvider.put(world.nowS, due - byPassword);
    const n = Math.min(this.logins.length, users.fits(1), this.allowed('loginsRoom', USERS_FOR_LOGINS));
    this.loginsRoom -= n;
    if (n < this.logins.length) users.lacked(world.nowS, this.logins.length - n);
    users.spend(n);
    this.logins.take(n, (sinceS, of) => {
      world.waits.login.add(world.nowS - sinceS, of);
      this.atProvider.put(world.nowS, of);
    });
  }

  // How many queries this share of the rate allows now; up to a second's worth accumulates.
  allowed(room, share) {
    const perSecond = this.world.stations.users.perSecond * share;
    this[room] = Math.min(perSecond, this[room] + perSecond * this.world.stepS);
    return Math.floor(this[room] + 1e-9);
  }

  // Starts payments, which end after the provider's latency. Drops buyers whose hold expired while they waited.
  provider() {
    const { world } = this;
    const { cost, people } = world.ask;
    this.atProvider.takeOlder(world.nowS - Math.max(1, people.holdTtlS - people.fillS), (sinceS, n) => this.release(n, 0));
    const n = together([[world.stations.provider, cost.psp_calls_per_order]], this.atProvider.length, world.nowS);
    this.atProvider.take(n, (sinceS, of) => world.waits.provider.add(world.nowS - sinceS, of));
    this.paying.put(world.step + Math.max(1, Math.round(cost.psp_latency_s / world.stepS)), n);
  }

  seatsOf(n) {
    if (n === this.people) return this.seatsHeld;
    return Math.min(this.seatsHeld, Math.round((this.seatsHeld * n) / this.people));
  }

  finish() {
    const { world } = this;
    const { cost, people } = world.ask;
    const back = this.paying.take(world.step);
    const bad = some(world.dice, back, people.cardFails);
    const goes = some(world.dice, bad, 1 / people.cardTries);
    this.again.spread(world.step + Math.round(people.againS / 2 / world.stepS), people.againS / world.stepS, bad - goes);
    this.release(goes, people.holdTtlS);
    this.orders.put(world.nowS, back - bad);
    const done = together([[world.stations.pays, cost.order_us], [world.stations.database, cost.order_commits]], this.orders.length, world.nowS);
    this.orders.take(done, (sinceS, of) => world.waits.ticket.add(world.nowS - sinceS, of));
    this.sell(done);
  }

  sell(n) {
    const { world } = this;
    const seats = this.seatsOf(n);
    this.people -= n;
    this.seatsHeld -= seats;
    world.hall.give(seats, true);
    world.ends.tickets += n;
    world.counts.orders += n;
    if (n > 0) world.ticketsEnd = world.nowS + world.stepS;
    this.shop += n;
    this.mails += n;
  }

  // n buyers give up; their holds expire inS seconds from now.
  release(n, inS) {
    const { world } = this;
    const seats = this.seatsOf(n);
    this.people -= n;
    this.seatsHeld -= seats;
    world.ends.notPaid += n;
    this.expiring.put(world.step + Math.round(inS / world.stepS), seats);
  }

  write() {
    const { world } = this;
    world.hall.give(this.expiring.take(world.step), false);
    const { shop, users, mailer } = world.stations;
    this.shop -= together([[shop, 1]], this.shop, world.nowS);
    const n = Math.min(this.mails, users.fits(1), this.allowed('mailsRoom', USERS_FOR_MAILS), mailer.fits(1));
    this.mailsRoom -= n;
    mailer.spend(n);
    users.spend(n);
    if (n < this.mails) mailer.lacked(world.nowS, this.mails - n);
    this.mails -= n;
  }
}
