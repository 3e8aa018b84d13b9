// SPDX-License-Identifier: MIT
// What is looked for in a page, inside of it: the rules of the accessibility checkers that apply here.

/** Everything that is wrong with the visible part of the page. */
export function faultsOfAccess() {
  const all = (selector) => [...document.querySelectorAll(selector)].filter((node) => node.checkVisibility());
  const describe = (node) => node.outerHTML.slice(0, 120);
  const found = [];
  const report = (rule, nodes) => nodes.forEach((node) => found.push(`${rule}: ${describe(node)}`));
  const clean = (text) => text.replace(/\s+/g, " ").trim().toLowerCase();

  /* The text that a node shows. */
  const shownBy = (node) => {
    const copy = node.cloneNode(true);

    for (const hidden of copy.querySelectorAll('[aria-hidden="true"], [hidden]')) hidden.remove();
    return clean(copy.textContent);
  };
  const nameOf = (node) => {
    const by = node.getAttribute("aria-labelledby");
    const given = by ? by.split(" ").map((id) => document.getElementById(id)?.textContent) : [];

    return clean(
      given.join(" ") ||
        node.getAttribute("aria-label") ||
        [...(node.labels ?? [])].map((label) => label.textContent).join(" ") ||
        (/^(INPUT|SELECT)$/.test(node.tagName) ? "" : node.textContent),
    );
  };
  const controls = all("a[href], button, input, select, textarea, canvas, [role=log], [role=tab], [role=tabpanel]");

  report("a name", controls.filter((node) => nameOf(node) === ""));
  report(
    "label-content-name-mismatch",
    all(":is(a, button, [role=tab])[aria-label]").filter((node) => !nameOf(node).includes(shownBy(node))),
  );
  report("list", all("li").filter((node) => !node.matches("ol:not([role]) > li, ul:not([role]) > li")));
  report("image-alt", all("img").filter((node) => !node.hasAttribute("alt")));
  report("tabindex", all("[tabindex]").filter((node) => node.tabIndex > 0));
  report("aria-hidden-focus", all('[aria-hidden="true"] :is(a, button, input, [tabindex])'));
  for (const attribute of ["aria-controls", "aria-labelledby", "aria-describedby", "for"])
    for (const node of all(`[${attribute}]`))
      for (const id of node.getAttribute(attribute).split(" "))
        if (document.querySelectorAll(`#${CSS.escape(id)}`).length !== 1) report(`${attribute} ${id}`, [node]);
  for (const node of document.querySelectorAll("[id]"))
    if (document.querySelectorAll(`#${CSS.escape(node.id)}`).length > 1) report("duplicate-id", [node]);

  const levels = all("h1, h2, h3, h4").map((node) => Number(node.tagName[1]));

  if (levels.filter((level) => level === 1).length !== 1) found.push(`page-has-heading-one: ${levels}`);
  if (levels.some((level, i) => level > (levels[i - 1] ?? 0) + 1)) found.push(`heading-order: ${levels}`);
  if (all("main").length !== 1) found.push(`landmark-one-main: ${all("main").length}`);
  report(
    "scrollable-region-focusable",
    all("*").filter(
      (node) =>
        /auto|scroll/.test(getComputedStyle(node).overflowY) &&
        node.scrollHeight > node.clientHeight + 1 &&
        node.tabIndex < 0 &&
        !node.querySelector("button, input, a, [tabindex]"),
    ),
  );
  report(
    "target-size",
    all("button, input, select, [role=tab]").filter((node) => {
      const { width, height } = node.getBoundingClientRect();

      return width < 24 || height < 24;
    }),
  );
  return found;
}

/** Texts whose colour is too near to that of what they stand on (WCAG 2.1, 1.4.3). */
export function faultsOfContrast() {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const found = [];

  const paint = (colors) => {
    pen.clearRect(0, 0, 1, 1);
    for (const color of colors) {
      pen.fillStyle = color;
      pen.fillRect(0, 0, 1, 1);
    }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));

    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const colors = [];

    for (let each = node; each; each = each.parentElement) colors.unshift(getComputedStyle(each).backgroundColor);
    return ["white", ...colors];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);

  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;

    if (walker.currentNode.data.trim() === "" || !node.checkVisibility() || node.closest(".only-heard")) continue;
    if (/^(SCRIPT|NOSCRIPT|OPTION)$/.test(node.tagName) || node.closest(":disabled")) continue;
    const style = getComputedStyle(node);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const [a, b] = [paint([...ground(node), style.color]), paint(ground(node))].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);

    if (ratio < (isLarge ? 3 : 4.5)) found.push(`${ratio.toFixed(2)}: ${node.outerHTML.slice(0, 120)}`);
  }
  return found;
}

/** What is not in the language of the page, but for what says that it is not, and what people wrote. */
export function foreignTexts() {
  const copy = document.body.cloneNode(true);
  const wanted = document.documentElement.lang;

  for (const node of copy.querySelectorAll("noscript, script, [lang], code, .messages p, .messages .author")) node.remove();
  const texts = copy.innerText
    .split("\n")
    .concat([...copy.querySelectorAll("[aria-label]")].map((node) => node.getAttribute("aria-label")))
    .concat([...copy.querySelectorAll("[placeholder]")].map((node) => node.placeholder));

  return wanted === "en" ? texts.filter((text) => /[а-яё]/i.test(text)) : [];
}
