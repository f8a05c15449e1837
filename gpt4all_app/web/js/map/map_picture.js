// Draws points, rings and names of topics on a canvas.

import { coloursOf, colourNumbers } from "./palette.js";
import { NO_TOPIC } from "./placed_passages.js";
import { placeLabels } from "./label_places.js";

const FAINT = 0.14; // of a point that is not meant
const FULL = 0.85; // points that overlap are seen as several
const LINE_HEIGHT = 17;
const LONGEST = 28; // characters of one line of a label
const DETAILED = 1.5; // zoom from which labels say more than their first words

/** What is meant: `isMeant(point)` and rings around `ringed` points; null means all, and none. */
export class MapPicture {
  #canvas;
  #context;
  #placed = null;
  #colourOf = [];
  #colours = null;
  #sprites = [];
  #spriteRadius = 0;
  #widths = new Map();

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  show(placed) {
    this.#placed = placed;
    this.#colourOf = colourNumbers(placed.topics);
    this.recolour();
  }

  /** The page may be light now that was dark. */
  recolour() {
    this.#colours = coloursOf(this.#canvas);
    this.#spriteRadius = 0;
  }

  /** The colour of a topic as the map has it. */
  colourOf(topic) {
    return topic === NO_TOPIC ? this.#colours.none : this.#colours.topics[this.#colourOf[topic]];
  }

  resize(width, height) {
    this.ratio = Math.min(globalThis.devicePixelRatio || 1, 2); // more is not seen in dots
    this.#canvas.width = Math.round(width * this.ratio);
    this.#canvas.height = Math.round(height * this.ratio);
    this.#spriteRadius = 0;
  }

  radius(camera) {
    const room = Math.sqrt((camera.width * camera.height) / Math.max(this.#placed.count, 1));
    return Math.min(Math.max(0.16 * room, 1.5), 5) * Math.min(Math.max(camera.zoom, 1) ** 0.3, 2.4);
  }

  draw(camera, { isMeant, ringed, current, shown }) {
    const context = this.#context;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    this.#drawPoints(camera, isMeant);
    context.globalAlpha = 1;
    for (const point of ringed) this.#drawRing(camera, point, 2);
    if (current !== null) this.#drawRing(camera, current, 4);
    this.#drawLabels(camera, shown);
  }

  #drawPoints(camera, isMeant) {
    const { x, y, topicOf, count } = this.#placed;
    const context = this.#context;
    this.#makeSprites(this.radius(camera));
    const half = this.#sprites[0].width / 2 / this.ratio;
    const size = 2 * half;
    // What is not meant lies below; two passes cost less than sorting.
    for (const meant of isMeant === null ? [true] : [false, true]) {
      context.globalAlpha = meant ? FULL : FAINT;
      for (let point = 0; point < count; point++) {
        if (isMeant !== null && isMeant(point) !== meant) continue;
        const left = camera.screenX(x[point]) - half;
        const top = camera.screenY(y[point]) - half;
        if (left > camera.width || top > camera.height || left < -size || top < -size) continue;
        context.drawImage(this.#sprites[topicOf[point] + 1], left, top, size, size);
      }
    }
  }

  /** A dot of each topic, drawn once: copying it costs a tenth of drawing a circle. */
  #makeSprites(radius) {
    if (Math.abs(radius - this.#spriteRadius) < 0.05) return;
    this.#spriteRadius = radius;
    const half = Math.ceil((radius + 1) * this.ratio);
    this.#sprites = Array.from({ length: this.#placed.topics.length + 1 }, (_, number) => {
      const sprite = document.createElement("canvas");
      sprite.width = sprite.height = 2 * half;
      const context = sprite.getContext("2d");
      context.fillStyle = this.colourOf(number - 1);
      context.beginPath();
      context.arc(half, half, radius * this.ratio, 0, 2 * Math.PI);
      context.fill();
      return sprite;
    });
  }

  #drawRing(camera, point, extra) {
    const { x, y, topicOf } = this.#placed;
    const context = this.#context;
    const radius = this.radius(camera) + extra;
    context.beginPath();
    context.arc(camera.screenX(x[point]), camera.screenY(y[point]), radius, 0, 2 * Math.PI);
    context.fillStyle = this.colourOf(topicOf[point]);
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = this.#colours.ink;
    context.stroke();
  }

  /** shown: numbers of the topics whose names are wanted; null is all. */
  #drawLabels(camera, shown) {
    const context = this.#context;
    const topics = this.#placed.topics.filter(({ id }) => shown === null || shown.has(id));
    const labels = topics.map((topic) => {
      const lines = linesOf(topic.label).slice(0, camera.zoom < DETAILED ? 1 : 2);
      return {
        x: camera.screenX(topic.x),
        y: camera.screenY(topic.y),
        widths: lines.map((line, number) => this.#widthOf(line, number)),
        lines,
      };
    });
    context.textAlign = "center";
    context.textBaseline = "top";
    context.lineJoin = "round";
    for (const { label, lines, x, top } of placeLabels(labels, { ...sizeOf(camera), lineHeight: LINE_HEIGHT })) {
      for (const [number, line] of labels[label].lines.slice(0, lines).entries()) {
        context.font = fontOf(number);
        context.lineWidth = 4;
        context.globalAlpha = 0.9;
        context.strokeStyle = this.#colours.surface;
        context.strokeText(line, x, top + number * LINE_HEIGHT);
        context.globalAlpha = number === 0 ? 1 : 0.8;
        context.fillStyle = this.#colours.ink;
        context.fillText(line, x, top + number * LINE_HEIGHT);
      }
    }
    context.globalAlpha = 1;
  }

  #widthOf(line, number) {
    const key = `${number} ${line}`;
    if (!this.#widths.has(key)) {
      this.#context.font = fontOf(number);
      this.#widths.set(key, this.#context.measureText(line).width + 4);
    }
    return this.#widths.get(key);
  }
}

/** The first words of a label are its name, the others say more. */
function linesOf(label) {
  const [first, ...more] = label.split(" · ").map(clipped);
  return more.length > 0 ? [first, more.join(" · ")] : [first];
}

/** Long headings would cover what they name; the list of topics has them whole. */
function clipped(words) {
  return words.length > LONGEST ? `${words.slice(0, LONGEST - 1).trimEnd()}…` : words;
}

function fontOf(line) {
  return line === 0 ? "620 13px system-ui, sans-serif" : "400 12px system-ui, sans-serif";
}

function sizeOf({ width, height }) {
  return { width, height };
}
