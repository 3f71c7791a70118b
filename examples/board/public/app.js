// Niceties only: every page works without this file.

// "/" goes to the search field, Escape leaves it.
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const field = document.querySelector("[data-shortcut='/']");
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  }
  if (event.key === "Escape" && event.target.matches("[data-shortcut]")) event.target.blur();
  // Ctrl+Enter sends a note.
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("[data-submit]")) {
    event.target.form.requestSubmit();
  }
});

// Filters apply as they are chosen; without a script there is the button.
for (const form of document.querySelectorAll("form[data-live]")) {
  form.addEventListener("change", (event) => {
    if (event.target.type !== "search") form.requestSubmit();
  });
}

// On a phone the filters are folded until they are asked for.
const fold = document.querySelector("details[data-fold='yes']");
if (fold && matchMedia("(width <= 46rem)").matches) fold.open = false;

// Empty fields stay out of the address of a search.
for (const form of document.querySelectorAll("form:not([method=post])")) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  });
  addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
}

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => delete form.dataset.sent);
}

// What is wrong is read out first.
document.querySelector(".error-summary, .conflict")?.focus();
