// later.js: what nobody needs for the first look at the hall, fetched after it.

export { Mini } from './mini.js';
export { Offers } from './offers.js';
export { Proposals } from './proposals.js';
export { SeatList } from './list.js';
export { Tags } from './tags.js';
