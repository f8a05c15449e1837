// Finds the point under a pointer among thousands: they are sorted into the cells of a grid.

const CELLS = 64; // a side; some five points each where there are 20,000

export class PointGrid {
  #x;
  #y;
  #starts = new Uint32Array(CELLS * CELLS + 1);
  #points;

  constructor(x, y) {
    this.#x = x;
    this.#y = y;
    this.#points = new Uint32Array(x.length);
    const cells = Uint16Array.from(x, (value, point) => cellOf(value) + CELLS * cellOf(y[point]));
    for (const cell of cells) this.#starts[cell + 1] += 1;
    for (let cell = 0; cell < CELLS * CELLS; cell++) this.#starts[cell + 1] += this.#starts[cell];
    const next = this.#starts.slice();
    for (const [point, cell] of cells.entries()) this.#points[next[cell]++] = point;
  }

  /** The nearest point within a distance that `isWanted`; null where there is none. */
  nearest(x, y, distance, isWanted = () => true) {
    let found = null;
    let best = distance * distance;
    for (let row = cellOf(y - distance); row <= cellOf(y + distance); row++) {
      for (let column = cellOf(x - distance); column <= cellOf(x + distance); column++) {
        const cell = column + CELLS * row;
        for (let at = this.#starts[cell]; at < this.#starts[cell + 1]; at++) {
          const point = this.#points[at];
          const squared = (this.#x[point] - x) ** 2 + (this.#y[point] - y) ** 2;
          if (squared <= best && isWanted(point)) {
            best = squared;
            found = point;
          }
        }
      }
    }
    return found;
  }
}

function cellOf(value) {
  return Math.min(Math.max(Math.floor(value * CELLS), 0), CELLS - 1);
}
