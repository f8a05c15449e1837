// Where the names of topics stand on the map: none over another, the largest topics first.

const GAP = 6;

/**
 * labels: `{x, y, widths}` in pixels, the most important first; `widths` of its lines. Gives for each that has
 * room `{label, lines, left, top}`: how many of its lines are shown, and where; the others are left out.
 */
export function placeLabels(labels, { width, height, lineHeight }) {
  const taken = [];
  const placed = [];
  for (const [label, { x, y, widths }] of labels.entries()) {
    const isOutside = x < 0 || y < 0 || x > width || y > height;
    const box = isOutside ? null : roomFor({ x, y, widths, width, height, lineHeight }, taken);
    if (box === null) continue;
    taken.push(box);
    placed.push({ label, lines: box.lines, x: (box.left + box.right) / 2, top: box.top });
  }
  return placed;
}

function roomFor({ x, y, widths, width, height, lineHeight }, taken) {
  for (let lines = widths.length; lines > 0; lines--) {
    const across = Math.max(...widths.slice(0, lines));
    const down = lines * lineHeight;
    if (across > width) continue;
    for (const shift of [0, -0.8, 0.8, -1.6, 1.6]) {
      const left = Math.min(Math.max(x - across / 2, 2), width - across - 2);
      const top = Math.min(Math.max(y - down / 2 + shift * lineHeight, 2), height - down - 2);
      const box = { left, top, right: left + across, bottom: top + down, lines };
      if (!taken.some((other) => overlaps(box, other))) return box;
    }
  }
  return null;
}

function overlaps(one, other) {
  return (
    one.left < other.right + GAP &&
    other.left < one.right + GAP &&
    one.top < other.bottom + GAP / 2 &&
    other.top < one.bottom + GAP / 2
  );
}
