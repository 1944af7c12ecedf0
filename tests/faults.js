// What is wrong with a page as it is laid out now, one line each: faults(root) -> [text]. Read by tests/screens.py.
//
//   beside    something lies beyond the right edge of the screen, where nothing scrolls to it
//   column    a text stands letter under letter: fewer than 3 characters a line
//   cut       a number is broken or does not fit where it stands, a figure's text does not fit either
//   over      two texts lie on each other
//   small     a figure's text is drawn with letters below 7 pixels, on a narrow screen that of a finding's picture below 11
//   broken    an image is not drawn
(rootName) => {
  const root = document.querySelector(rootName), found = new Set(), wide = document.documentElement.clientWidth;
  const told = (kind, text) => found.add(`${kind}: ${text.trim().replace(/\s+/g, " ").slice(0, 70)}`);
  const name = (one) => `<${one.tagName.toLowerCase()} class="${one.getAttribute("class") ?? ""}"> ${one.textContent || one.alt || ""}`;
  const scrolled = (one) => {
    for (let at = one.parentElement; at && at !== document.body; at = at.parentElement)
      if (/auto|scroll|hidden|clip/.test(getComputedStyle(at).overflowX) && at.getBoundingClientRect().right <= wide + 1
          && at.dataset.testid !== "stMain" && at.dataset.testid !== "stApp") return true;
    return false;
  };
  for (const one of [document.documentElement, root])
    if (one.scrollWidth > wide + 1) told("beside", `${one.tagName} is ${one.scrollWidth} wide`);
  for (const one of root.querySelectorAll(":not(svg *)")) {
    const box = one.getBoundingClientRect();
    if (box.width > 1 && box.height > 1 && box.right > wide + 1 && one.checkVisibility() && !scrolled(one)) told("beside", name(one));
  }
  for (const one of root.querySelectorAll("td.num, th.num, td.value"))
    if (one.scrollWidth > one.clientWidth + 1) told("cut", one.textContent);

  const texts = [], frames = new Map(), walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), range = document.createRange();
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const text = node.data.trim(), at = node.parentElement;
    if (!text || at.clientWidth === 1 || at.closest("svg, style, script, option, [aria-hidden=true], .sr-only") || !at.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter((box) => box.width > 0.5 && box.height > 0.5);
    const lines = new Set(boxes.map((box) => Math.round(box.top))).size;
    if (lines > 1 && /^[<≤≥]?\s?[-−]?[\d.,]{1,10}\s?%?$/.test(text)) told("cut", text);
    if (text.length >= 8 && lines >= 3 && text.length / lines < 3) told("column", text);
    const frame = clip(at);
    for (const box of boxes) {
      const seen = { left: Math.max(box.left, frame.left), right: Math.min(box.right, frame.right), top: Math.max(box.top, frame.top), bottom: Math.min(box.bottom, frame.bottom), text, node };
      if (seen.right - seen.left > 1 && seen.bottom - seen.top > 1) texts.push(seen);
    }
  }
  function clip(one) {
    if (!one || one === document.body) return { left: -1e9, right: 1e9, top: -1e9, bottom: 1e9 };
    if (!frames.has(one)) frames.set(one, within(clip(one.parentElement), one));
    return frames.get(one);
  }
  function within(frame, one) {
    const style = getComputedStyle(one);
    if (style.overflowX === "visible" && style.overflowY === "visible") return frame;
    const box = one.getBoundingClientRect();
    return { left: Math.max(frame.left, box.left), right: Math.min(frame.right, box.right), top: Math.max(frame.top, box.top), bottom: Math.min(frame.bottom, box.bottom) };
  }
  const meet = (a, b) => [Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];
  texts.sort((a, b) => a.top - b.top);
  texts.forEach((one, number) => {
    for (let next = number + 1; next < texts.length && texts[next].top < one.bottom - 4; next++) {
      const [across, down] = meet(one, texts[next]);
      if (texts[next].node !== one.node && across > 2 && down > 5) told("over", `${one.text.slice(0, 30)} | ${texts[next].text.slice(0, 30)}`);
    }
  });

  const bench = document.body.appendChild(document.createElement("div"));
  bench.style.cssText = "position:fixed;left:0;top:0;visibility:hidden;pointer-events:none";
  const measure = (svg, shown, label) => {
    const frame = svg.viewBox.baseVal, scale = shown.getBoundingClientRect().width / frame.width, boxes = [];
    for (const one of svg.querySelectorAll("text")) {
      const box = one.getBBox(), text = one.textContent;
      if (!text.trim()) continue;
      const sized = scale * parseFloat(getComputedStyle(one).fontSize);
      if (sized > 0 && sized < (wide < 960 && svg.classList.contains("picture") ? 10.9 : 7)) told("small", `${sized.toFixed(1)} px in ${label}`);
      if (box.x < -1.5 || box.x + box.width > frame.width + 1.5 || box.y < -3 || box.y + box.height > frame.height + 4) told("cut", `${text} in ${label}`);
      for (const other of boxes) {
        const [across, down] = meet({ left: box.x, right: box.x + box.width, top: box.y, bottom: box.y + box.height }, other);
        if (across > 1.5 && down > 4) told("over", `${other.text} | ${text} in ${label}`);
      }
      boxes.push({ left: box.x, right: box.x + box.width, top: box.y, bottom: box.y + box.height, text });
    }
  };
  for (const svg of root.querySelectorAll("svg:has(text)")) if (svg.checkVisibility()) measure(svg, svg, svg.querySelector("title")?.textContent ?? "");
  const drawn = "data:image/svg+xml;base64,";
  for (const image of root.querySelectorAll("img")) {
    if (!image.checkVisibility()) continue;
    if (!image.complete || !image.naturalWidth) told("broken", image.alt);
    if (!image.src.startsWith(drawn)) continue;
    const source = new TextDecoder().decode(Uint8Array.from(atob(image.src.slice(drawn.length)), (one) => one.charCodeAt(0)));
    if (!source.includes("<text")) continue;
    bench.replaceChildren(document.importNode(new DOMParser().parseFromString(source, "image/svg+xml").documentElement, true));
    measure(bench.firstChild, image, image.alt);
  }
  bench.remove();
  return [...found];
}
