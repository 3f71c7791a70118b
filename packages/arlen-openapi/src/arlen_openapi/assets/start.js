// Shows the document that the page names. Nothing is asked of anybody else.
(function () {
  "use strict";
  var place = document.getElementById("swagger-ui");
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function tint() { document.documentElement.classList.toggle("dark-mode", dark.matches); }
  dark.addEventListener("change", tint);
  tint();
  window.ui = SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    deepLinking: true,
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: false,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout"
  });
})();
