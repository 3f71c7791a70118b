// The viewer of recent requests: it follows what comes, and obeys the keyboard. The page works without it.
(() => {
  const list = document.getElementById("list");
  const box = document.getElementById("q");
  const up = document.querySelector('a[rel="up"]');
  const every = 1500;
  let shown = "";
  let asking = false;
  let again = false;

  const refresh = async () => {
    again = asking;
    if (asking || document.hidden) return;
    asking = true;
    try {
      const url = new URL(location.href);
      url.search = box.value ? "?" + new URLSearchParams({ q: box.value }) : "";
      const answer = await fetch(url, { headers: { accept: "text/html" } });
      const text = answer.ok ? await answer.text() : shown; // the application restarts: what was there stays
      if (text !== shown) {
        const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("list");
        const focus = list.contains(document.activeElement) ? document.activeElement.id : "";
        if (fresh) list.replaceChildren(...fresh.childNodes);
        if (focus) document.getElementById(focus)?.focus();
        shown = text;
      }
      if (url.href !== location.href) history.replaceState(null, "", url);
    } catch {
      // the server is away: the next turn asks again
    } finally {
      asking = false;
      if (again) refresh(); // somebody typed on
    }
  };

  const step = (way) => {
    const stops = [...document.querySelectorAll("#list a, .fall summary")];
    const at = stops.indexOf(document.activeElement);
    stops[Math.min(stops.length - 1, Math.max(0, at + way))]?.focus();
  };

  const keys = { j: () => step(1), k: () => step(-1), "/": () => box?.focus(), Escape: () => up?.click() };

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === box) {
      if (event.key === "Escape") box.blur();
      return;
    }
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  if (list) {
    box.addEventListener("input", refresh);
    document.addEventListener("visibilitychange", refresh);
    setInterval(refresh, every);
  }
})();
