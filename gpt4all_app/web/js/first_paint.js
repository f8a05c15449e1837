// A classic script in the head: the chosen theme stands before anything is painted.
try {
  const theme = localStorage.getItem("gpt4all.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Where the browser keeps nothing, the system's theme it is.
}
