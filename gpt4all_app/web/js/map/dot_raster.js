// Draws thousands of dots, pixel by pixel: a canvas takes several times as long for as many circles or pictures
// where no graphics card helps, and a page that many use on plain machines has to do without.

const SHIFTS = 2; // positions within a pixel, a side: dots move smoothly

/** Dots of one radius on a plain ground, in an ImageData. */
export class DotRaster {
  #pixels;
  #stamps = new Map();

  constructor(context, width, height) {
    this.width = width;
    this.height = height;
    this.image = context.createImageData(width, height);
    this.#pixels = new Uint32Array(this.image.data.buffer);
  }

  /** Begin anew. ground: as `packed` gives it. radius: in pixels of the image. */
  begin({ ground, radius }) {
    this.#pixels.fill(ground);
    if (radius !== this.radius) this.#stamps.clear();
    this.radius = radius;
  }

  /** A dot around this place, in pixels of the image. colour: as `packed` gives it. opacity: 0 to 1. */
  dot(x, y, colour, opacity) {
    const left = Math.floor(x * SHIFTS);
    const top = Math.floor(y * SHIFTS);
    const { size, half, cover } = this.#stamp(mod(left), mod(top), opacity);
    const firstX = Math.floor(left / SHIFTS) - half;
    const firstY = Math.floor(top / SHIFTS) - half;
    if (firstX >= this.width || firstY >= this.height || firstX + size <= 0 || firstY + size <= 0) return;
    const redBlue = colour & 0xff00ff;
    const green = colour & 0x00ff00;
    const pixels = this.#pixels;
    const beginX = Math.max(0, -firstX);
    const endX = Math.min(size, this.width - firstX);
    const endY = Math.min(size, this.height - firstY);
    for (let row = Math.max(0, -firstY); row < endY; row++) {
      const line = (firstY + row) * this.width + firstX;
      for (let column = beginX; column < endX; column++) {
        const share = cover[row * size + column]; // of 256
        if (share === 0) continue;
        const below = pixels[line + column];
        const rest = 256 - share;
        // Red and blue in one multiplication, as neither runs into the other.
        const mixedRedBlue = (((below & 0xff00ff) * rest + redBlue * share) >>> 8) & 0xff00ff;
        const mixedGreen = (((below & 0x00ff00) * rest + green * share) >>> 8) & 0x00ff00;
        pixels[line + column] = 0xff000000 | mixedRedBlue | mixedGreen;
      }
    }
  }

  /** How much of each pixel a dot covers, made once for each place within a pixel. */
  #stamp(shiftX, shiftY, opacity) {
    const key = (shiftX * SHIFTS + shiftY) * 256 + Math.round(opacity * 255);
    let stamp = this.#stamps.get(key);
    if (stamp === undefined) {
      const half = Math.ceil(this.radius + 1);
      const size = 2 * half + 1;
      const cover = new Uint16Array(size * size);
      for (let row = 0; row < size; row++) {
        for (let column = 0; column < size; column++) {
          const distance = Math.hypot(
            column - half - (shiftX + 0.5) / SHIFTS + 0.5,
            row - half - (shiftY + 0.5) / SHIFTS + 0.5,
          );
          const inside = Math.min(Math.max(this.radius + 0.5 - distance, 0), 1);
          cover[row * size + column] = Math.round(256 * opacity * inside);
        }
      }
      stamp = { size, half, cover };
      this.#stamps.set(key, stamp);
    }
    return stamp;
  }
}

/** A colour, as "#rrggbb" or "rgb(r, g, b)", in the order of an ImageData's bytes. */
export function packed(colour) {
  const [red, green, blue] = colour.startsWith("#")
    ? [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16))
    : colour.match(/[\d.]+/g).map(Number);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

const mod = (value) => ((value % SHIFTS) + SHIFTS) % SHIFTS;
