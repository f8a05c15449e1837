// Which part of the map is shown, and how large. Coordinates of the map are 0 to 1, those of the screen pixels.

const MARGIN = 0.08; // of the screen, around all points
const LARGEST = 60; // times as large as the whole map
const SMALLEST = 0.7;

export class Camera {
  #fitted = 1;

  constructor() {
    this.x = 0.5;
    this.y = 0.5;
    this.scale = 1;
    this.width = 1;
    this.height = 1;
  }

  /** How much larger than the whole map on the screen. */
  get zoom() {
    return this.scale / this.#fitted;
  }

  /** A screen of another size; the middle stays, and what was seen whole still is. */
  resize(width, height, extent) {
    const { zoom } = this;
    this.width = width;
    this.height = height;
    this.#fitted = scaleToFit(width, height, extent);
    this.scale = this.#fitted * zoom;
  }

  /** Where the whole map is seen. */
  whole(extent) {
    return {
      x: (extent.left + extent.right) / 2,
      y: (extent.top + extent.bottom) / 2,
      scale: scaleToFit(this.width, this.height, extent),
    };
  }

  /** Where these points are seen together, not larger than `zoom` times. */
  around(places, { zoom = 8 } = {}) {
    const xs = places.map(({ x }) => x);
    const ys = places.map(({ y }) => y);
    const extent = { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
    const { x, y, scale } = this.whole(extent);
    return { x, y, scale: Math.min(scale * 0.7, this.#fitted * zoom) };
  }

  moveTo({ x, y, scale }) {
    this.x = Math.min(Math.max(x, 0), 1);
    this.y = Math.min(Math.max(y, 0), 1);
    this.scale = Math.min(Math.max(scale, this.#fitted * SMALLEST), this.#fitted * LARGEST);
  }

  /** Move what is shown by so many pixels. */
  pan(dx, dy) {
    this.moveTo({ x: this.x - dx / this.scale, y: this.y - dy / this.scale, scale: this.scale });
  }

  /** Zoom so that what is under this pixel stays there. */
  zoomAt(px, py, factor) {
    const x = this.mapX(px);
    const y = this.mapY(py);
    this.moveTo({ x: this.x, y: this.y, scale: this.scale * factor });
    this.moveTo({
      x: x - (px - this.width / 2) / this.scale,
      y: y - (py - this.height / 2) / this.scale,
      scale: this.scale,
    });
  }

  screenX(x) {
    return (x - this.x) * this.scale + this.width / 2;
  }

  screenY(y) {
    return (y - this.y) * this.scale + this.height / 2;
  }

  mapX(px) {
    return (px - this.width / 2) / this.scale + this.x;
  }

  mapY(py) {
    return (py - this.height / 2) / this.scale + this.y;
  }
}

function scaleToFit(width, height, extent) {
  const room = 1 - 2 * MARGIN;
  // One point, or a line of them, has no width.
  const across = Math.max(extent.right - extent.left, 0.02);
  const down = Math.max(extent.bottom - extent.top, 0.02);
  return Math.min((width * room) / across, (height * room) / down);
}
