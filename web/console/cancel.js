// cancel.js: cancels an event, and shows the progress of its refunds. A role that may close the line closes it with the
// same press, so that nobody is called for a night that does not take place. A closed line never opens again, so it is
// closed only once the cancellation was accepted; until both are done, the button stays and does what is left.

import { call, get, roleAt } from './api.js';
import { make, money, say } from './kit.js';
import { button, confirmed, fact, number, show, timeAt, wordsOr } from './ui.js';

export function cancelling({ id, path, event }) {
  const about = make('p', { id: 'cancel-about', role: 'status' });
  const sums = make('dl', { id: 'cancel-sums', className: 'facts' });
  const waiting = make('ul', { id: 'cancel-waiting', className: 'trail' });
  const act = make('div', { className: 'ending' });
  const mayClose = ['operator', 'admin'].includes(roleAt(id));
  const isRunning = () => event.doc.state !== 'closed';
  let cancelled = false;
  const line = make('p', { id: 'cancel-line', className: mayClose ? 'small' : 'wrong' }, say(mayClose ? 'cancel.closes' : 'cancel.ask'));
  const at = make('section', { id: 'cancel', className: 'card stack' }, make('h2', {}, say('cancel.title')), about, sums, waiting, act);

  function showOne({ reason, at: when, ended_at: ended, orders, money: sum, parked }) {
    const coins = (minor) => (sum.currency === null ? number(minor) : money(minor, sum.currency));
    const left = orders.all - orders.given_back;
    show(about, make('strong', {}, say(ended ? 'cancel.ended' : left > 0 && left === orders.parked ? 'cancel.stuck' : 'cancel.goes-on')), ' ', timeAt(ended ?? when), ` · ${reason}`);
    show(sums, fact(say('cancel.orders'), say('cancel.of', number(orders.given_back), number(orders.all))),
      fact(say('cancel.money'), say('cancel.of', coins(sum.given_back), coins(sum.paid))),
      fact(say('cancel.under-way'), number(orders.under_way)), fact(say('cancel.parked'), number(orders.parked)));
    show(waiting, ...parked.map(({ order: id, number: order, saga, cause }) =>
      make('li', { className: 'card' }, make('a', { href: `#/orders/${saga ?? id}` }, `${say('orders.order')} ${order}`), ` ${wordsOr(`cause.${cause}`, cause)}`)));
    cancelled = true;
    press.textContent = say('act.close'); // what is left
    press.hidden = !mayClose;
    act.hidden = !isRunning();
  }

  async function read() {
    const reply = await get('pay', `${path}/cancellation`);
    if (reply.at !== null) showOne(reply);
    else show(about, say('cancel.help'));
    line.hidden = !isRunning();
  }

  const press = button(say('cancel.title'), async () => {
    if (cancelled) {
      const closes = await confirmed({ title: say('act.close'), text: say('act.close.means'), yes: say('act.close.yes'), word: id, why: { text: event.why(), needed: true } });
      if (closes) await event.act('close', {}, closes.why);
      return;
    }
    const lines = isRunning() ? [line.textContent] : [];
    const sure = await confirmed({ title: say('cancel.sure', event.doc.name), text: say('cancel.means'), lines, yes: say('cancel.title'), word: id, why: { text: event.why(), needed: true } });
    if (!sure) return;
    const { json } = await call('pay', 'POST', `${path}/cancellation`, { body: { reason: sure.why } });
    if (isRunning() && mayClose) await event.act('close', {}, sure.why);
    showOne(json);
    event.said(say('cancel.goes-on'));
  }, { id: 'cancel-event', className: 'danger' });
  act.append(press, line);
  return { at, read };
}
