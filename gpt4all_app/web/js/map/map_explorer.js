// A map with what is done on it: searching, choosing topics, following lists, reading.

import { announce } from "../announcer.js";
import { openPassage } from "../documents/index.js";
import { tabbed } from "../documents/tabs.js";
import { element, fill, newId } from "../dom.js";
import { counted, number } from "../format.js";
import { icon } from "../icons.js";
import { errorNotice } from "../notices.js";
import { MapStage } from "./map_stage.js";
import { PassageCard } from "./passage_card.js";
import { duplicateGroups, duplicateList, outlierList } from "./point_lists.js";
import { PointTable } from "./point_table.js";
import { TopicList } from "./topic_list.js";

const HITS = 100; // passages that a search lights up

/** search: gives a promise of the passages for a text. redraw: makes the map anew. */
export class MapExplorer {
  #api;
  #search;
  #redraw;
  #placed = null;
  #topics = null;
  #hits = null;
  #found = element("div", { class: "map-found" });
  #panels = element("div", { class: "map-panels" });
  #facts = element("p", { class: "map-facts hint" });
  #input = element("input", {
    type: "search",
    id: newId("map-search"),
    autocomplete: "off",
    placeholder: "Search the map",
  });
  #card;
  #stage;
  #topicList;
  #table;

  constructor(api, { search, redraw }) {
    this.#api = api;
    this.#search = search;
    this.#redraw = redraw;
    const onOpen = (point) => openPassage(api, { passage_id: this.#placed.passageIds[point] });
    const onGo = (points) => this.#go(points);
    this.#card = new PassageCard(api, { onOpen });
    this.#stage = new MapStage({ onPoint: (point, place) => this.#card.show(point, place), onOpen });
    this.#stage.node.append(this.#found, this.#card.node, this.#buttons());
    this.#stage.node.addEventListener("recoloured", () => this.#drawTopics());
    this.#topicList = new TopicList({ onChoose: (topics) => this.#choose(topics) });
    this.#table = new PointTable({ onGo, onOpen });
    this.node = element(
      "div",
      { class: "map-explorer" },
      element("div", { class: "map-main" }, this.#searchForm(), this.#stage.node, this.#facts),
      element("aside", { class: "map-side", "aria-label": "About the map" }, this.#panels),
    );
  }

  show(placed, { name }) {
    this.#placed = placed;
    this.#topics = null;
    this.#hits = null;
    fill(this.#found);
    this.#input.value = "";
    this.#card.reset(placed);
    this.#stage.show(placed, { name });
    this.#drawTopics();
    this.#table.show(placed);
    const onGo = (points) => this.#go(points);
    const repeats = duplicateGroups(placed);
    const told = (title, { length }) => (length > 0 ? `${title} (${number(length)})` : title);
    fill(
      this.#panels,
      tabbed("About the map", [
        { label: "Topics", panel: this.#topicList.node },
        { label: told("Repeats", repeats), panel: duplicateList(placed, repeats, { onGo }) },
        { label: told("Outliers", placed.outliers), panel: outlierList(placed, { onGo }) },
        { label: "List", panel: this.#table.node },
      ]),
    );
    this.#tellFacts();
  }

  #drawTopics() {
    this.#topicList.show(this.#placed, { colourOf: (topic) => this.#stage.colourOf(topic) });
  }

  #tellFacts() {
    const { count, documents, method, isOutdated } = this.#placed;
    fill(
      this.#facts,
      `${counted(count, "passage")} of ${counted(documents.length, "document")}, drawn with ${method.toUpperCase()}. Near means alike; directions mean nothing.`,
      isOutdated && [
        " Documents have changed since. ",
        element("button", { class: "button small", type: "button", onclick: this.#redraw }, "Draw it again"),
      ],
    );
  }

  #buttons() {
    const make = (label, sign, onclick) =>
      element("button", { class: "map-button", type: "button", "aria-label": label, title: label, onclick }, sign);
    return element(
      "div",
      { class: "map-buttons" },
      make("Zoom in", "+", () => this.#stage.zoom(1.6)),
      make("Zoom out", "−", () => this.#stage.zoom(1 / 1.6)),
      make("Show all of the map", "⤢", () => this.#stage.flyHome()),
    );
  }

  #searchForm() {
    return element(
      "form",
      {
        class: "map-search",
        role: "search",
        onsubmit: (event) => {
          event.preventDefault();
          const text = this.#input.value.trim();
          if (text === "") this.#endSearch();
          else this.#runSearch(text);
        },
      },
      element("label", { class: "visually-hidden", for: this.#input.id }, "Search the map"),
      this.#input,
      element("button", { class: "button", type: "submit" }, icon("search"), "Search"),
    );
  }

  async #runSearch(text) {
    const placed = this.#placed;
    let hits;
    try {
      hits = await this.#search(text, { limit: HITS, mode: "hybrid" });
    } catch (error) {
      fill(this.#found, errorNotice(error, { title: "The search failed" }));
      return;
    }
    if (placed !== this.#placed) return; // another map is shown now
    this.#hits = placed.pointsOf(hits.map(({ id }) => id));
    const said =
      this.#hits.length > 0
        ? `The ${counted(this.#hits.length, "passage")} that fit best`
        : "Nothing on the map fits";
    fill(
      this.#found,
      element("span", {}, said),
      element("button", { class: "button small quiet", type: "button", onclick: () => this.#endSearch() }, "Clear"),
    );
    announce(said);
    this.#emphasise();
  }

  #endSearch() {
    this.#hits = null;
    this.#input.value = "";
    fill(this.#found);
    this.#emphasise();
    this.#input.focus();
  }

  #choose(topics) {
    this.#topics = topics;
    this.#emphasise();
  }

  /** What was searched for and is of the chosen topics stands out, and is what the table lists. */
  #emphasise() {
    const { topicOf, count } = this.#placed;
    const topics = this.#topics;
    const hits = this.#hits === null ? null : new Set(this.#hits);
    const isChosen = (point) => topics === null || topics.has(topicOf[point]);
    const isMeant = (point) => isChosen(point) && (hits === null || hits.has(point));
    const isAll = topics === null && hits === null;
    this.#stage.emphasise({
      meant: isAll ? null : isMeant,
      ringed: (this.#hits ?? []).filter(isChosen).slice(0, 10),
      topics,
    });
    const all = this.#hits ?? Array.from({ length: count }, (_, point) => point);
    this.#table.show(this.#placed, isAll ? null : all.filter(isChosen));
  }

  #go(points) {
    this.#topicList.clear();
    this.#stage.emphasise({ meant: null, ringed: points });
    this.#stage.flyTo(points);
    this.#stage.node.scrollIntoView({ block: "nearest" });
    announce(`The map shows ${points.map((point) => this.#placed.fileNameOf(point)).join(" and ")}`);
  }
}
