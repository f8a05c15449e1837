// Draws dots, rings and names of topics.

import { DotRaster, packed } from "./dot_raster.js";
import { coloursOf, colourNumbers } from "./palette.js";
import { NO_TOPIC } from "./placed_passages.js";
import { placeLabels } from "./label_places.js";

const FAINT = 0.14; // of a point that is not meant
const FULL = 0.85; // points that overlap are seen as several
const LINE_HEIGHT = 17;
const LONGEST = 28; // characters of one line of a label
const DETAILED = 1.5; // zoom from which labels say more than their first words

/** Two canvases, one over the other: the dots change when the map moves, what is over them at every hover. */
export class MapPicture {
  #canvas;
  #context;
  #dots;
  #raster = null;
  #placed = null;
  #colourOf = [];
  #colours = null;
  #widths = new Map();

  /** dots: the canvas below; over: the one above it, whose colours are the page's. */
  constructor(dots, over) {
    this.#canvas = over;
    this.#context = over.getContext("2d");
    this.#dots = dots.getContext("2d", { alpha: false });
  }

  show(placed) {
    this.#placed = placed;
    this.#colourOf = colourNumbers(placed.topics);
    this.recolour();
  }

  /** The page may be light now that was dark. */
  recolour() {
    this.#colours = coloursOf(this.#dots.canvas);
  }

  /** The colour of a topic as the map has it. */
  colourOf(topic) {
    return topic === NO_TOPIC ? this.#colours.none : this.#colours.topics[this.#colourOf[topic]];
  }

  resize(width, height) {
    this.ratio = Math.min(globalThis.devicePixelRatio || 1, 2); // more is not seen in dots
    for (const canvas of [this.#dots.canvas, this.#canvas]) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    this.#raster = new DotRaster(this.#dots, this.#canvas.width, this.#canvas.height);
  }

  radius(camera) {
    const room = Math.sqrt((camera.width * camera.height) / Math.max(this.#placed.count, 1));
    return Math.min(Math.max(0.16 * room, 1.5), 5) * Math.min(Math.max(camera.zoom, 1) ** 0.3, 2.4);
  }

  /**
   * Draw the dots. isMeant: a function of a point; null means all. What is not meant is faint, and lies below.
   */
  drawDots(camera, isMeant) {
    const { x, y, topicOf, count } = this.#placed;
    const { ratio } = this;
    const raster = this.#raster;
    const inks = [this.#colours.none, ...this.#placed.topics.map(({ id }) => this.colourOf(id))].map(packed);
    raster.begin({ ground: packed(this.#colours.surface), radius: this.radius(camera) * ratio });
    for (const meant of isMeant === null ? [true] : [false, true]) {
      const opacity = meant ? FULL : FAINT;
      for (let point = 0; point < count; point++) {
        if (isMeant !== null && isMeant(point) !== meant) continue;
        const ink = inks[topicOf[point] + 1];
        raster.dot(camera.screenX(x[point]) * ratio, camera.screenY(y[point]) * ratio, ink, opacity);
      }
    }
    this.#dots.putImageData(raster.image, 0, 0);
  }

  /** Draw what stands over the dots: rings around points, and names of topics; `shown` null is all. */
  drawOver(camera, { ringed, current, shown }) {
    const context = this.#context;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    for (const point of ringed) this.#drawRing(camera, point, 2);
    if (current !== null) this.#drawRing(camera, current, 4);
    this.#drawLabels(camera, shown);
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
