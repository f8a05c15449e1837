// What the rest of the page uses of the map.

export { mapView } from "./map_view.js";
