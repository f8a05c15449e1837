// The one live region of the page: what a screen reader is told without the focus moving.

/** Have this said, once, after what is being said. */
export function announce(text) {
  const region = document.getElementById("announcements");
  region.textContent = "";
  // A region that is emptied and filled in one go has not changed for some readers.
  setTimeout(() => {
    region.textContent = text;
  }, 50);
}
