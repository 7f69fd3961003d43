// The service level objectives, as Prometheus can measure them. Each has a `budget`, the share that may fail, and the share
// that does fail, over any window. make.js makes rules, alerts and panels from this list.
//
// A sale is over after some hours, so the budget is for six hours, not for a month:
//
//   page  14.4 times too fast for 5 minutes, which is a fifth of the budget, and still within the last one
//   page   6   times too fast for 30 minutes, which is half of it, and still within the last five
//   look   too fast at all over six hours, and still within the last half one
//
// The short window ends an alert soon after its cause. Without requests there is no share and no alert.

const WINDOWS = ['1m', '5m', '30m', '6h'];
const FAST = { long: '5m', short: '1m', times: 14.4 };
const SLOW = { long: '30m', short: '5m', times: 6 };
const LOOK = { long: '6h', short: '30m', times: 1 };

// A call is good if it succeeded within this time, which must be a bucket of the histograms.
const call = (name, seconds) => ({
  bad: (window) => `1 - sum(rate(fairgate_call_duration_seconds_bucket{call="${name}",le="${seconds}"}[${window}])) / ${calls(name)(window)}`,
  all: calls(name),
});
const calls = (name) => (window) => `(sum(rate(fairgate_call_duration_seconds_count{call="${name}"}[${window}])) + sum(rate(fairgate_call_failures_total{call="${name}"}[${window}])))`;

// Time is good or bad as a whole: `now` is 1 while it is bad.
const time = (now) => ({ now, bad: (window, slo) => `avg_over_time(fairgate:slo_bad:now{slo="${slo}"}[${window}])` });

const OBJECTIVES = [
  {
    slo: 'join', alert: 'FairgateSloJoin', budget: 0.005, ...call('join', '1.048576'),
    promise: '99.5 % of the joins are answered within a second.', summary: 'Too many joins fail or take longer than a second',
  },
  {
    slo: 'me', alert: 'FairgateSloMe', budget: 0.001, ...call('me', '0.262144'),
    promise: '99.9 % of the polls of a place are answered within a quarter of a second.', summary: 'Too many polls of a place fail or take longer than a quarter of a second',
  },
  {
    slo: 'hold', alert: 'FairgateSloHold', budget: 0.005, ...call('hold', '1.048576'),
    promise: '99.5 % of the holds are answered within a second; a taken seat is an answer.', summary: 'Too many holds fail or take longer than a second',
  },
  {
    slo: 'pay', alert: 'FairgateSloPay', budget: 0.01, ...call('order', '4.194304'),
    promise: '99 % of the orders can be paid within four seconds.', summary: 'Too many orders fail, or wait for the payment provider for too long',
  },
  {
    slo: 'ticket', alert: 'FairgateSloTicket', budget: 0.01,
    bad: (window) => `1 - sum(rate(fairgate_order_to_ticket_seconds_bucket{le="29.360128"}[${window}])) / ${paid(window)}`,
    all: (window) => paid(window),
    promise: '99 % of the paid orders have their tickets within half a minute.', summary: 'Too many paid orders have no tickets after half a minute',
  },
  {
    slo: 'positions', alert: 'FairgateSloPositions', budget: 0.005, ...time('max(min by (event) (fairgate_line_stale))'),
    promise: 'For 99.5 % of the time, shown places are at most a few seconds old.', summary: 'A line has shown old places for too long',
  },
  {
    slo: 'drift', alert: 'FairgateSloDrift', budget: 0.001,
    ...time('clamp_max((max(fairgate_drift) > bool 0) + (time() - max(fairgate_reconcile_last_seconds > 0) > bool 600), 1)'),
    promise: 'For 99.9 % of the time money, seats and orders agree, checked within the last ten minutes.', summary: 'Money, seats and orders disagree for too long, or were not checked',
  },
  {
    slo: 'eta', alert: 'FairgateSloEta', budget: 0.15, page: [4, 2],
    bad: (window) => `1 - sum(rate(fairgate_waits_kept_total[${window}])) / ${judged(window)}`,
    all: (window) => judged(window),
    promise: '85 % of the visitors who enter were called within the later of the two promised waits (the aim is nine in ten).', summary: 'The promised waits are too short',
  },
];
function paid(window) {
  return `(sum(rate(fairgate_order_to_ticket_seconds_count[${window}])) + sum(rate(fairgate_tickets_missed_total[${window}])))`;
}
function judged(window) {
  return `sum(rate(fairgate_waits_judged_total[${window}]))`;
}

export { FAST, LOOK, OBJECTIVES, SLOW, WINDOWS };
