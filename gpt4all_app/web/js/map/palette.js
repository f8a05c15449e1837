// Colours of topics, for a light and a dark page. In either any two are told apart with normal sight and without
// one of the three kinds of cones: their least distance in OKLab, after the simulation of Machado, Oliveira and
// Fernandes (2009), is 0.11 and 0.13; each has a contrast of 3 to the page at least.

const LIGHT = ["#254bb3", "#cc7c3a", "#671168", "#2582ae", "#d23970", "#2e4707", "#a271fc", "#785f0e"];
const DARK = ["#347eea", "#f69915", "#55cda1", "#bca2ff", "#de532c", "#45f9fe", "#e7e636", "#ac6e90"];

export const COLOURS = LIGHT.length;

/** The colours that fit the page as it is shown now, and one for what has no topic. */
export function coloursOf(node) {
  const style = getComputedStyle(node);
  const isDark = luminance(style.getPropertyValue("background-color")) < 0.3;
  return {
    topics: isDark ? DARK : LIGHT,
    none: isDark ? "#8b9097" : "#8a867f",
    ink: style.getPropertyValue("color"),
    surface: style.getPropertyValue("background-color"),
  };
}

/**
 * A colour for each topic, by number: there are more topics than colours, and those of one colour are to lie as
 * far from each other as may be.
 */
export function colourNumbers(topics) {
  const chosen = [];
  for (const topic of topics) {
    let best = 0;
    let farthest = -1;
    for (let colour = 0; colour < COLOURS; colour++) {
      const same = topics.filter((_, number) => chosen[number] === colour);
      const nearest = Math.min(Infinity, ...same.map((other) => Math.hypot(other.x - topic.x, other.y - topic.y)));
      if (nearest > farthest) {
        farthest = nearest;
        best = colour;
      }
    }
    chosen.push(best);
  }
  return chosen;
}

function luminance(colour) {
  const [red, green, blue] = colour.match(/[\d.]+/g).map((part) => Number(part) / 255);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
