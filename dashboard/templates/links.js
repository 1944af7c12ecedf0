// A link to another screen changes the address and then asks for it as the browser's Back button would, so that the
// page need not load anew. Where this does not run, the link is an ordinary one. Keys: a letter follows the link that
// names it, / goes to the search, ? shows the keys; none of them while something is typed.
(() => {
  if (window.dokimasiaLinks) return;
  window.dokimasiaLinks = true;
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".doc a[href^='?']");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    history.pushState({}, "", link.href);
    dispatchEvent(new PopStateEvent("popstate"));
    document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable=true], [role=combobox]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      const search = document.querySelector("[data-testid=stMain] [data-testid=stTextInput] input");
      if (search) { event.preventDefault(); search.focus(); }
    } else if (event.key === "?") {
      document.body.classList.toggle("with-keys"); // on what no redrawing touches
    } else {
      document.querySelector(`.doc a[data-key="${CSS.escape(event.key.toLowerCase())}"]`)?.click();
    }
  });
})();
