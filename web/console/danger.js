// danger.js: which changes of a knob need confirmation, and why.

import { say } from './kit.js';
import { number } from './ui.js';

// '' if it needs none.
export function danger(name, from, to) {
  if (name === 'autopilot' && to.on && to.ceiling > 3 * Math.max(from.ceiling, 1)) return say('danger.rate-jump', number(to.ceiling / from.ceiling));
  if (name === 'rate_per_s' && to === 0) return say('danger.rate-zero');
  if (name === 'rate_per_s' && to > 3 * Math.max(from, 1)) return say('danger.rate-jump', number(to / Math.max(from, 0.001)));
  if (name === 'max_active' && to === 0) return say('danger.no-cap');
  if (name === 'max_active' && to < from / 2) return say('danger.cap-falls');
  if (name === 'member_required' && to) return say('danger.members');
  if (name === 'pow_bits' && to > 22) return say('danger.work');
  if (name === 'call_ttl_s' && to < 30) return say('danger.call-short');
  return '';
}
