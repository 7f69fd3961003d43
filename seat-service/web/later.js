// later.js: the hall's second script: what the first view does not need. It loads while that is drawn.

export { ask, onFilter, onShow, openSale, takeArea, describeSeat } from './sale.js';
export { refuse } from './visit.js';
