// samples.js: three halls, for `halls` and for the console's form. Needs neither a page nor a service.
//
// All shapes follow one rule (bowl.js): a row is a curve at some distance outside a base curve, its seats are half a metre
// apart, and a section is a stretch of it between two aisles. Output is deterministic, and numbers have one decimal. A hall
// gets its exact number of seats by shortening the last rows.

import { perimeter, pointAt } from './bowl.js';

const PX_PER_M = 40; // pretix draws a seat with radius 10: half a metre apart they touch
const SEAT_PITCH_M = 0.5;
const AISLE_M = 1.2;
const LEAST = 4; // the least seats in a shortened row

// `distance`: from the base to the first row. `from`, `to`: the part of the way round that has seats. `height`: of the first
// row above the floor; `rise`: of each row over the one in front.
const tier = (name, floor, prefix, distance, rowM, rows, sections, from, to, height, rise) => ({ name, floor, prefix, distance, rowM, rows, sections, from, to, height, rise });
// `upto`: for sections nearer to the focal point than this. In a hall with standing areas the last category has no seats.
const category = (name, color, price, upto = Infinity) => ({ name, color, price, upto });
const venue = (en, ko, city, cityKo) => ({ name: { en, ko }, address: { en: city, ko: cityKo } });

export const HALLS = {
  theatre: {
    name: 'City Theatre',
    venue: venue('City Theatre', '시립극장', 'Seoul', '서울'),
    title: 'An Evening at the City Theatre',
    seats: 1000,
    base: { a: 0, b: 0, corner: 0 },
    focal: { x: 0, y: 0 },
    tiers: [tier('Stalls', 'Ground floor', 'S', 7, 0.95, 16, 3, 0.13, 0.37, 0.2, 0.15), tier('Balcony', 'First floor', 'B', 24, 0.95, 7, 4, 0.135, 0.365, 5.5, 0.45)],
    categories: [category('A', '#b23a48', 99000, 13), category('B', '#3a6ea5', 77000, 22), category('C', '#4f8a5b', 55000)],
    areas: [],
    stage: { x: -8, y: -6, width: 16, height: 7 },
  },
  arena: {
    name: 'River Arena',
    venue: venue('River Arena', '리버 아레나', 'Busan', '부산'),
    title: 'Live at the River Arena',
    seats: 12000,
    base: { a: 30, b: 14, corner: 6 },
    focal: { x: -30, y: 0 },
    tiers: [tier('Lower', 'Level 1', 'L', 3, 0.85, 15, 24, 0.05, 0.95, 1.2, 0.35), tier('Upper', 'Level 3', 'U', 19, 0.8, 11, 28, 0.05, 0.95, 9, 0.5)],
    categories: [category('VIP', '#b23a48', 220000, 28), category('R', '#8e5aa8', 165000, 44), category('S', '#3a6ea5', 132000, 62), category('A', '#4f8a5b', 99000)],
    standing: category('Standing', '#c98a2b', 154000),
    areas: [{ id: 'front', name: 'Front of stage', category: 'Standing', capacity: 1000 }, { id: 'floor', name: 'Floor', category: 'Standing', capacity: 2000 }],
    stage: { x: -36, y: -9, width: 10, height: 18 },
  },
  stadium: {
    name: 'Harbour Stadium',
    venue: venue('Harbour Stadium', '하버 스타디움', 'Incheon', '인천'),
    title: 'World Tour at the Harbour Stadium',
    seats: 66000,
    base: { a: 50, b: 32, corner: 14 },
    focal: { x: -52, y: 0 },
    tiers: [
      tier('Lower', 'Level 1', '1', 6, 0.8, 30, 44, 0.07, 0.93, 1.5, 0.35),
      tier('Club', 'Level 2', '2', 33, 0.85, 11, 44, 0.07, 0.93, 15, 0.5),
      tier('Upper', 'Level 4', '3', 44, 0.8, 28, 52, 0.07, 0.93, 23, 0.6),
    ],
    categories: [category('VIP', '#b23a48', 264000, 50), category('R', '#8e5aa8', 198000, 75), category('S', '#3a6ea5', 165000, 105), category('A', '#4f8a5b', 132000, 135), category('B', '#7a7a7a', 99000)],
    areas: [],
    stage: { x: -64, y: -16, width: 14, height: 32 },
  },
};

// ---- rows ----

export function seatAt(hall, row, seat) {
  return pointAt(hall.base, row.distance, row.middle + (seat - (row.seats - 1) / 2) * SEAT_PITCH_M);
}

// Returns [{tier, section, rows}]. section and row.number count from 0; a row's seats are on both sides of its middle.
function laySections(hall) {
  return hall.tiers.flatMap((its, t) => Array.from({ length: its.sections }, (_, section) => {
    const number = (hall.base.a > 0 ? (t + 1) * 100 : 0) + section + 1;
    const rows = Array.from({ length: its.rows }, (_row, n) => {
      const distance = its.distance + n * its.rowM;
      const length = perimeter(hall.base, distance);
      const width = length * (its.to - its.from) / its.sections;
      return { number: n, seats: Math.trunc((width - AISLE_M) / SEAT_PITCH_M), distance, middle: length * its.from + (section + 0.5) * width };
    });
    return { tier: its, section, id: `${its.prefix}${number}`, title: `${its.name} ${number}`, rows };
  }));
}

// Shortens rows, the last ones of each section first, until the hall has its exact number of seats.
function trimRows(hall, sections) {
  const all = sections.flatMap(({ tier: its, rows }) => rows.map((row) => ({ row, fromLast: its.rows - row.number - 1 }))).reverse();
  const last = all.filter(({ fromLast }) => fromLast < 4);
  let tooMany = all.reduce((sum, { row }) => sum + row.seats, -hall.seats);
  const spare = last.reduce((sum, { row }) => sum + row.seats - LEAST, 0);
  if (tooMany < 0 || tooMany > spare) throw new Error(`${hall.name}: the table above is nearly right, and must stay so`);
  for (let depth = 0; tooMany > 0; depth += 1) {
    for (const { row } of last.filter(({ row: its, fromLast }) => fromLast === depth % 4 && its.seats > LEAST).slice(0, tooMany)) {
      row.seats -= 1;
      tooMany -= 1;
    }
  }
}

export function sectionsOf(hall) {
  const sections = laySections(hall);
  trimRows(hall, sections);
  return sections;
}

// ---- writing ----

const tenth = (n) => Number(n.toFixed(1));
const px = (metres) => Math.round(metres * PX_PER_M * 10) / 10;

// All coordinates are positive: pretix draws from the top left corner.
function frameOf({ stage, ...hall }, sections) {
  const frame = { left: stage.x, top: stage.y, right: stage.x + stage.width, bottom: stage.y + stage.height };
  for (const row of sections.flatMap(({ rows }) => rows)) {
    for (let n = 0; n < row.seats; n++) {
      const { x, y } = seatAt(hall, row, n);
      frame.left = Math.min(frame.left, x);
      frame.right = Math.max(frame.right, x);
      frame.top = Math.min(frame.top, y);
      frame.bottom = Math.max(frame.bottom, y);
    }
  }
  return { left: frame.left - 2, top: frame.top - 2, width: frame.right - frame.left + 4, height: frame.bottom - frame.top + 4 };
}

const letter = (n) => String.fromCharCode(65 + n);
const rowName = (n) => (n < 26 ? '' : letter(Math.floor(n / 26) - 1)) + letter(n % 26);
const guidOf = ({ id }, row, seat) => `${id}-${rowName(row.number)}-${seat + 1}`;

// In the theatre a few rows share the price of their first row; in a bowl a whole section has one price.
function categoryOf(hall, { rows }, row) {
  const first = rows[hall.base.a > 0 ? 0 : Math.floor(row.number / 5) * 5];
  const { x, y } = seatAt(hall, first, Math.floor(first.seats / 2));
  return hall.categories.find(({ upto }) => Math.hypot(x - hall.focal.x, y - hall.focal.y) <= upto).name;
}

function zoneOf(hall, section, frame) {
  const [first] = section.rows;
  const place = ({ x, y }) => ({ x: px(x - frame.left), y: px(y - frame.top) });
  const middle = place(seatAt(hall, first, Math.floor(first.seats / 2)));
  const origin = { x: Math.round(middle.x), y: Math.round(middle.y) };
  const seat = (row, its, n) => {
    const { x, y } = place(seatAt(hall, row, n));
    return { seat_guid: guidOf(section, row, n), seat_number: String(n + 1), category: its, position: { x: tenth(x - origin.x), y: tenth(y - origin.y) } };
  };
  const rows = section.rows.map((row) => {
    const its = categoryOf(hall, section, row);
    return { row_number: rowName(row.number), row_number_position: 'both', seats: Array.from({ length: row.seats }, (_, n) => seat(row, its, n)) };
  });
  return { name: section.title, zone_id: section.id, position: origin, rows };
}

function stageOf({ stage, seats }, frame) {
  const [width, height] = [px(stage.width), px(stage.height)];
  const text = { text: 'STAGE', color: '#ffffff', size: seats > 2000 ? 120 : 48, position: { x: px(stage.width / 2), y: px(stage.height / 2) } };
  const position = { x: px(stage.x - frame.left), y: px(stage.y - frame.top) };
  const area = { shape: 'rectangle', color: '#2b2b33', border_color: '#2b2b33', position, rectangle: { width, height }, text };
  return { name: 'Stage', position: { x: 0, y: 0 }, rows: [], areas: [area] };
}

// The last row of each section in the lowest tier has two wheelchair places, each with a companion's
// seat; the first four seats of the first section's row C are house seats.
function specialSeats(hall, sections) {
  return sections.filter(({ tier: its }) => its === hall.tiers[0]).flatMap((section) => {
    const guid = (row, n) => guidOf(section, section.rows[row], n);
    const last = section.rows.length - 1;
    const house = section.section === 0 ? [0, 1, 2, 3].map((n) => ({ guid: guid(2, n), channel: 'house' })) : [];
    return [...house, ...[0, 2].flatMap((n) => [{ guid: guid(last, n), accessible: true }, { guid: guid(last, n + 1), companion_of: guid(last, n) }])];
  });
}

export function importBody(name) {
  const hall = HALLS[name];
  const sections = sectionsOf(hall);
  const frame = frameOf(hall, sections);
  const categories = [...hall.categories, ...(hall.standing ? [hall.standing] : [])].map(({ name, color, price }) => ({ name, color, price }));
  return {
    name: hall.title,
    currency: 'KRW',
    starts_at: '2030-05-01T10:00:00Z',
    doors_at: '2030-05-01T08:30:00Z',
    time_zone: 'Asia/Seoul',
    venue: hall.venue,
    categories,
    areas: hall.areas,
    channels: [{ id: 'house', name: 'House seats', code: 'house-seats' }],
    limits: { max_per_buyer: 4, max_per_hold: 4, hold_ttl_s: 480, hold_max_s: 1200, rate_per_session_per_s: 10 },
    plan: {
      name: hall.name,
      size: { width: Math.ceil(px(frame.width)), height: Math.ceil(px(frame.height)) },
      categories: hall.categories.map(({ name, color }) => ({ name, color })),
      zones: [stageOf(hall, frame), ...sections.map((section) => zoneOf(hall, section, frame))],
    },
    focal_point: { x: px(hall.focal.x - frame.left), y: px(hall.focal.y - frame.top) },
    zones: sections.map(({ id, tier: its, section }) => ({ zone: id, floor: its.floor, entrance: `Gate ${letter(Math.floor(section * 8 / its.sections))}`, view: `/views/${id}.svg` })),
    seats: specialSeats(hall, sections),
  };
}
