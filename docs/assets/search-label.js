// The theme's search is a dialog without a name, which screen readers cannot announce.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
