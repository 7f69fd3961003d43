// keys.js: the map by keyboard: arrows move from seat to seat, Enter opens a seat's card, plus and minus zoom, Home shows all.

const STEP_PX = 20; // seat width after zooming in for a step
const EDGE_PX = 40; // a seat nearer to the edge moves the map

export class Keys {
  constructor(map) {
    this.map = map;
    map.upper.addEventListener('keydown', (event) => this.press(event));
  }

  press(event) {
    const { map } = this;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrows[event.key]) this.step(...arrows[event.key]);
    else if (event.key === '+' || event.key === '=') map.zoomBy(1.5);
    else if (event.key === '-') map.zoomBy(1 / 1.5);
    else if (event.key === 'Home' || event.key === '0') map.showAll();
    else if ((event.key === 'Enter' || event.key === ' ') && map.cursor >= 0) map.onAsk(map.cursor, true);
    else if (event.key === 'Escape') map.onAsk(-1);
    else return;
    event.preventDefault();
  }

  // The first step goes to the nearest seat to the middle that the visitor may take, or to any if there is none.
  first() {
    const { map, map: { plan, grid } } = this;
    const { x, y } = map.at(map.width / 2, map.height / 2);
    const free = grid.closest(x, y, 1e5, plan.mayTake);
    return free < 0 ? grid.closest(x, y, 1e5) : free;
  }

  // The nearest seat in that direction; -1 if there is none.
  next(dx, dy) {
    const { plan, grid, pitch, cursor } = this.map;
    const [x, y] = [plan.x[cursor], plan.y[cursor]];
    const cost = (i) => {
      const along = (plan.x[i] - x) * dx + (plan.y[i] - y) * dy;
      const aside = Math.abs((plan.x[i] - x) * dy) + Math.abs((plan.y[i] - y) * dx);
      return along > pitch / 5 && along > aside * 0.5 ? along + 2 * aside : Infinity;
    };
    const near = grid.nearest(x, y, 3.5 * pitch, cost);
    return near < 0 ? grid.nearest(x, y, 45 * pitch, cost) : near;
  }

  step(dx, dy) {
    const { map } = this;
    map.halt();
    map.onAsk(-1);
    const to = map.cursor < 0 ? this.first() : this.next(dx, dy);
    if (to < 0) return;
    map.cursor = to;
    const { view, plan, width, height } = map;
    const k = map.near ? view.k : STEP_PX / map.seat;
    const [x, y] = [plan.x[to] * k + view.x, plan.y[to] * k + view.y];
    const edge = Math.min(x, y, width - x, height - y) < EDGE_PX;
    if (k !== view.k || edge) map.see(map.centred(plan.x[to], plan.y[to], k), false);
    map.onPoint(to);
    map.wake();
  }
}
