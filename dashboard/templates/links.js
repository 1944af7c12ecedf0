// A link to another screen changes the address and then asks for it as the browser's Back button would, so that the
// page need not load anew. Where this does not run, the link is an ordinary one. Keys: a letter follows the link or
// presses the button that names it, / goes to the search, C to the comment, ? shows the keys; none of them while
// something is typed. Back shows the part of the screen that was seen, and marks the row that one comes from.
(() => {
  if (window.dokimasiaLinks) return;
  window.dokimasiaLinks = true;
  const main = () => document.querySelector("[data-testid=stMain]");
  const here = () => document.querySelector(".doc .crumbs")?.dataset.here ?? ""; // of the screen that is drawn
  const seen = {}; // address -> how far down one was
  let came = "";
  const leave = () => { came = here(); seen[came] = main()?.scrollTop ?? 0; };

  // What was drawn is whole once the script is done: only then can a screen be as long as it was.
  const whenDrawn = (then) => {
    let ran = false;
    const look = (tries) => {
      const running = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState !== "notRunning";
      ran ||= running;
      if (tries && (running || (!ran && tries > 580))) setTimeout(look, 50, tries - 1); else then();
    };
    look(600);
  };
  const arrive = (back) => whenDrawn(() => {
    if (back) main()?.scrollTo(0, seen[here()] ?? 0);
    const link = document.querySelector(`.doc a[href="${CSS.escape(came)}"]:not([role])`);
    const row = link?.closest(".items tr, .gallery li, .register tr, .audits tr");
    if (!row) return;
    document.querySelectorAll(".came-from").forEach((one) => one.classList.remove("came-from"));
    row.classList.add("came-from");
    link.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  });

  addEventListener("popstate", (event) => {
    if (!event.isTrusted) return;
    leave();
    arrive(true);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".doc a[href^='?']");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    leave();
    history.pushState({}, "", link.href);
    dispatchEvent(new PopStateEvent("popstate"));
    const box = link.matches("[role=checkbox]") && link.getAttribute("aria-label");
    const to = link.dataset.to; // a part of this screen that is shown then
    if (box) { // one goes on picking where one is
      whenDrawn(() => document.querySelector(`.doc a[aria-label="${CSS.escape(box)}"]`)?.focus({ preventScroll: true }));
    } else if (to) {
      whenDrawn(() => document.getElementById(to)?.scrollIntoView({ block: "center" }));
    } else {
      main()?.scrollTo(0, 0);
      arrive(false);
    }
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".doc button[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy || location.href);
    const told = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = told; }, 1500);
  });

  // The letter that was meant, also while a Korean keyboard writes Hangul.
  const letterOf = (event) => (/^[a-z/?]$/i.test(event.key) ? event.key.toLowerCase()
    : /^Key[A-Z]$/.test(event.code) ? event.code[3].toLowerCase() : event.key);
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=combobox]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const letter = letterOf(event);
    const find = { "/": "[data-testid=stTextInput] input", c: "[data-testid=stTextArea] textarea" }[letter];
    const field = find && main()?.querySelector(find);
    // While the screen is drawn the buttons may still be those of the item before: only those of the head's are meant.
    const item = main()?.querySelector(".doc header.item")?.dataset.item;
    const target = /^[a-z]$/.test(letter) && (document.querySelector(`[class*="st-key-press-${letter}-${item}-"] button`)
      ?? document.querySelector(`.doc a[data-key="${letter}"]`));
    if (event.key === " " && event.target.matches?.(".doc [role=checkbox]")) {
      event.preventDefault();
      event.target.click();
    } else if (field) {
      event.preventDefault();
      field.focus();
    } else if (letter === "?") {
      document.body.classList.toggle("with-keys"); // on what no redrawing touches
    } else if (target && !event.repeat) {
      if (target.tagName === "BUTTON") main()?.scrollTo(0, 0);
      target.click();
    } else {
      return;
    }
    event.stopImmediatePropagation(); // Streamlit has letters of its own
  }, true);
})();
