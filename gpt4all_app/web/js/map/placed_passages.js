// A map as the server tells it, in arrays that are read at every frame.

export const NO_TOPIC = -1;

/** The passages of a map with their places. Point `i` is passage `i` in every array. */
export class PlacedPassages {
  constructor(told) {
    const { points } = told;
    this.x = Float32Array.from(points.x);
    this.y = Float32Array.from(points.y);
    this.topicOf = Int16Array.from(points.topic);
    this.passageIds = points.passage_id;
    this.documentOf = points.document;
    this.documents = told.documents;
    this.nearDuplicates = told.near_duplicates;
    this.outliers = told.outliers;
    this.isOutdated = told.state === "outdated";
    this.method = told.method;
    this.extent = extentOf(this.x, this.y);
    this.topics = withCentres(told.topics, this);
  }

  get count() {
    return this.x.length;
  }

  fileNameOf(point) {
    return this.documents[this.documentOf[point]].filename;
  }

  /** The topic of a point; null for one that belongs to none. */
  topicAt(point) {
    return this.topics[this.topicOf[point]] ?? null;
  }

  /** The points of these passages; ids that are not on the map are passed over. */
  pointsOf(passageIds) {
    this.pointById ??= new Map(this.passageIds.map((id, point) => [id, point]));
    return passageIds.map((id) => this.pointById.get(id)).filter((point) => point !== undefined);
  }
}

function extentOf(x, y) {
  const extent = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (let point = 0; point < x.length; point++) {
    extent.left = Math.min(extent.left, x[point]);
    extent.right = Math.max(extent.right, x[point]);
    extent.top = Math.min(extent.top, y[point]);
    extent.bottom = Math.max(extent.bottom, y[point]);
  }
  return extent;
}

/** Topics with the middle of their points: the median, which strays do not move. */
function withCentres(topics, { x, y, topicOf }) {
  const members = topics.map(() => []);
  for (let point = 0; point < x.length; point++) members[topicOf[point]]?.push(point);
  return topics.map((topic, number) => ({
    ...topic,
    x: median(members[number].map((point) => x[point])),
    y: median(members[number].map((point) => y[point])),
  }));
}

function median(values) {
  return values.sort((one, other) => one - other)[values.length >> 1];
}
