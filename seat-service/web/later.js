// later.js: the hall's second script: what the first view does not need. It loads while that is drawn.

export { ask, onFilter, onShow, openSale, takeArea, tellOf } from './sale.js';
export { refuse } from './visit.js';
