// The map under the hands: dragged, zoomed by wheel, fingers and keys, and pointed at.

import { element } from "../dom.js";
import { Camera } from "./camera.js";
import { MapPicture } from "./map_picture.js";
import { PointGrid } from "./point_grid.js";

const NEAR = { mouse: 10, pen: 14, touch: 24 }; // pixels from a point at which it is meant
const CLICK = 5; // pixels that a hand moves without meaning to drag
const STEP = 60; // pixels of an arrow key
const KEY_ZOOM = 1.4;
const FLIGHT_MS = 350;

/**
 * Shows a map and tells what is pointed at.
 *
 * onPoint: called with a point, or null, and where it is on the stage. onOpen: with a point that was clicked,
 * or chosen with Enter. A finger only points: what it points at has a button of its own.
 */
export class MapStage {
  #placed = null;
  #grid = null;
  #camera = new Camera();
  #canvas = element("canvas", {
    class: "map-canvas",
    tabindex: "0",
    role: "application",
    "aria-roledescription": "map",
  });
  #dots = element("canvas", { class: "map-dots", "aria-hidden": "true" });
  #picture = new MapPicture(this.#dots, this.#canvas);
  #pointers = new Map();
  #dragged = 0;
  #current = null;
  #meant = null;
  #ringed = [];
  #shownTopics = null;
  #frame = null;
  #areDotsOld = true;
  #flight = null;
  #onPoint;
  #onOpen;

  constructor({ onPoint, onOpen }) {
    this.#onPoint = onPoint;
    this.#onOpen = onOpen;
    this.node = element("div", { class: "map-stage" }, this.#dots, this.#canvas);
    this.#listen();
    new ResizeObserver(() => this.#resize()).observe(this.node);
    const theme = new MutationObserver(() => this.#recolour());
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    globalThis.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#recolour());
  }

  /** Show a map, whole. name: what it is a map of. */
  show(placed, { name }) {
    this.#placed = placed;
    this.#grid = new PointGrid(placed.x, placed.y);
    this.#current = null;
    this.#meant = null;
    this.#ringed = [];
    this.#shownTopics = null;
    this.#canvas.setAttribute(
      "aria-label",
      `Map of ${name}. Arrow keys move it, plus and minus zoom, 0 shows all, Enter opens the passage in the middle. The tab List has all passages as a table.`,
    );
    this.#picture.show(placed);
    this.#resize();
    this.#camera.moveTo(this.#camera.whole(placed.extent));
    this.redraw();
  }

  colourOf(topic) {
    return this.#picture.colourOf(topic);
  }

  /** What is meant: `meant` is a function of a point, or null for all; `ringed` and their topics stand out. */
  emphasise({ meant = null, ringed = [], topics = null }) {
    this.#meant = meant;
    this.#ringed = ringed;
    this.#shownTopics = topics;
    this.redraw();
  }

  /** Fly to where these points are seen, and point at the first. */
  flyTo(points) {
    const { x, y } = this.#placed;
    const goal = this.#camera.around(points.map((point) => ({ x: x[point], y: y[point] })));
    this.#fly(goal, () => this.#point(points[0]));
  }

  flyHome() {
    this.#point(null);
    this.#fly(this.#camera.whole(this.#placed.extent));
  }

  zoom(factor) {
    this.#zoomAt(this.#camera.width / 2, this.#camera.height / 2, factor);
  }

  /** At the next frame; only what is over the dots where they have not moved. */
  redraw({ withDots = true } = {}) {
    this.#areDotsOld ||= withDots;
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      if (this.#placed === null || this.#camera.width < 2) return;
      if (this.#areDotsOld) this.#picture.drawDots(this.#camera, this.#meant);
      this.#areDotsOld = false;
      this.#picture.drawOver(this.#camera, {
        ringed: this.#ringed,
        current: this.#current,
        shown: this.#shownTopics,
      });
      if (this.#current !== null) this.#tellPoint();
    });
  }

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.#onDown(event));
    canvas.addEventListener("pointermove", (event) => this.#onMove(event));
    canvas.addEventListener("pointerup", (event) => this.#onUp(event));
    canvas.addEventListener("pointercancel", (event) => this.#pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") this.#point(null);
    });
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    canvas.addEventListener("dblclick", ({ offsetX, offsetY }) => this.#zoomAt(offsetX, offsetY, 2));
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.node;
    if (this.#placed === null || width === 0) return;
    this.#picture.resize(width, height);
    this.#camera.resize(width, height, this.#placed.extent);
    this.redraw();
  }

  #recolour() {
    if (this.#placed === null) return;
    this.#picture.recolour();
    this.redraw();
    this.node.dispatchEvent(new Event("recoloured"));
  }

  #onWheel(event) {
    event.preventDefault(); // the page does not scroll under the map
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
    this.#zoomAt(event.offsetX, event.offsetY, Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)));
  }

  #onDown(event) {
    this.#stopFlight();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.#dragged = this.#pointers.size > 1 ? Infinity : 0;
  }

  #onMove(event) {
    const before = this.#pointers.get(event.pointerId);
    const here = { x: event.offsetX, y: event.offsetY };
    if (before === undefined) {
      this.#point(this.#pointAt(here, event.pointerType));
      return;
    }
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, here);
    else {
      this.#dragged += Math.hypot(here.x - before.x, here.y - before.y);
      if (this.#dragged > CLICK) this.#camera.pan(here.x - before.x, here.y - before.y);
    }
    this.#pointers.set(event.pointerId, here);
    this.redraw();
  }

  #onUp(event) {
    this.#pointers.delete(event.pointerId);
    if (this.#dragged > CLICK) return;
    const point = this.#pointAt({ x: event.offsetX, y: event.offsetY }, event.pointerType);
    this.#point(point);
    if (point !== null && event.pointerType === "mouse") this.#onOpen(point);
  }

  /** Two fingers: their distance zooms, their middle moves. */
  #pinch(moved, here) {
    const [still] = [...this.#pointers].filter(([id]) => id !== moved).map(([, place]) => place);
    const before = this.#pointers.get(moved);
    const middle = { x: (here.x + still.x) / 2, y: (here.y + still.y) / 2 };
    this.#camera.pan((here.x - before.x) / 2, (here.y - before.y) / 2);
    const apart = Math.hypot(before.x - still.x, before.y - still.y);
    if (apart > 0) this.#zoomAt(middle.x, middle.y, Math.hypot(here.x - still.x, here.y - still.y) / apart);
  }

  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || this.#placed === null) return;
    const moves = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    if (event.key in moves) {
      this.#stopFlight();
      this.#camera.pan(...moves[event.key]);
      this.#pointAtMiddle();
    } else if (event.key === "+" || event.key === "=") this.zoom(KEY_ZOOM);
    else if (event.key === "-") this.zoom(1 / KEY_ZOOM);
    else if (event.key === "0") this.flyHome();
    else if (event.key === "Escape") this.#point(null);
    else if (event.key === "Enter") {
      if (this.#current === null) this.#pointAtMiddle();
      if (this.#current !== null) this.#onOpen(this.#current);
    } else return;
    event.preventDefault();
    this.redraw();
  }

  #pointAtMiddle() {
    const { width, height, scale } = this.#camera;
    const reach = Math.min(width, height) / 3 / scale;
    this.#point(this.#nearest(this.#camera.x, this.#camera.y, reach));
  }

  #pointAt({ x, y }, kind) {
    const reach = (NEAR[kind] ?? NEAR.mouse) / this.#camera.scale;
    return this.#nearest(this.#camera.mapX(x), this.#camera.mapY(y), reach);
  }

  #nearest(x, y, reach) {
    return this.#grid?.nearest(x, y, reach, this.#meant ?? undefined) ?? null;
  }

  #point(point) {
    if (point === this.#current) return;
    this.#current = point;
    this.#canvas.classList.toggle("is-over-point", point !== null);
    this.#tellPoint();
    this.redraw({ withDots: false });
  }

  #tellPoint() {
    const point = this.#current;
    if (point === null) this.#onPoint(null);
    else {
      const { x, y } = this.#placed;
      this.#onPoint(point, { x: this.#camera.screenX(x[point]), y: this.#camera.screenY(y[point]) });
    }
  }

  #zoomAt(x, y, factor) {
    this.#stopFlight();
    this.#camera.zoomAt(x, y, factor);
    this.redraw();
  }

  #fly(goal, onArrival = () => {}) {
    this.#stopFlight();
    const { x, y, scale } = this.#camera;
    const begin = performance.now();
    const duration = globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : FLIGHT_MS;
    const step = (now) => {
      const share = duration === 0 ? 1 : Math.min(Math.max((now - begin) / duration, 0), 1);
      const eased = share * share * (3 - 2 * share);
      this.#camera.moveTo({
        x: x + (goal.x - x) * eased,
        y: y + (goal.y - y) * eased,
        scale: scale * (goal.scale / scale) ** eased,
      });
      this.redraw();
      this.#flight = share < 1 ? requestAnimationFrame(step) : null;
      if (share === 1) onArrival();
    };
    this.#flight = requestAnimationFrame(step);
  }

  #stopFlight() {
    cancelAnimationFrame(this.#flight);
    this.#flight = null;
  }
}
