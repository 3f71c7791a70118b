// Reloads the page when the application changed. Served by boomhauer, in development only.
(() => {
  const script = document.currentScript;
  let version = new URL(script.src).searchParams.get("v");
  let source = null;

  const reload = (wanted) => {
    // once for a version and a page: a page that some cache keeps stale must not reload for ever
    const key = "arlen-refresh", value = wanted + " " + location.href;
    if (sessionStorage.getItem(key) === value) return;
    sessionStorage.setItem(key, value);
    location.reload();
  };

  const restyle = (wanted) => {
    for (const old of document.querySelectorAll('link[rel~="stylesheet"]')) {
      const url = new URL(old.href);
      if (url.origin !== location.origin) continue;
      url.searchParams.set("arlen", wanted);
      const fresh = old.cloneNode();
      fresh.href = url.href;
      fresh.onload = () => old.remove();
      fresh.onerror = () => reload(wanted); // its name has changed: the page must name it anew
      old.after(fresh);
    }
  };

  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource("/__arlen__/events");
    source.addEventListener("version", (event) => {
      if (event.data !== version) reload(event.data);
    });
    source.addEventListener("css", (event) => {
      version = event.data;
      restyle(version);
    });
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        setTimeout(open, 1000);
      }
    };
  };

  const close = () => {
    if (source) source.close();
    source = null;
  };

  // a hidden page holds no connection: browsers allow six for one host
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
})();
