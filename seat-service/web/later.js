// later.js: what the first view of the hall does not need, fetched while that is drawn.

export { ask, onFilter, onShow, openSale, takeArea, tellOf } from './sale.js';
export { refuse } from './visit.js';
