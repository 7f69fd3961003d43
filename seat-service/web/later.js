// later.js: what nobody needs for the first look at the hall, fetched while that is made.

export { ask, onFilter, onShow, openSale, takeArea, tellOf, toggle } from './sale.js';
export { refuse } from './visit.js';
