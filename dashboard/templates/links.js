// A link to another screen changes the address and then asks for it as the browser's Back button would, so that the
// page need not load anew. Where this does not run, the link is an ordinary one.
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
})();
